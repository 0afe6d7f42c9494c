/** The tar reader: any bytes, in any chunks. */

import { hasValidChecksum } from "../../../src/tar/fields.js";
import { TarReader } from "../../../src/tar/reader.js";
import { base256, END, meta, octal, padded, rawHeader, records } from "../../tar/raw-archive.js";
import { entryOf, tarOf } from "../../tar/support.js";
import { answer, check, type Target } from "../target.js";

const CODES = ["TAR_INVALID", "TAR_LIMIT", "TAR_UNSUPPORTED"];

export function tarTarget(): Target {
  const file = Buffer.concat([rawHeader({ size: octal(3, 11) }), padded("abc")]);
  const archives = [
    tarOf([entryOf({ path: "a", size: 700 }), entryOf({ path: "日".repeat(60), size: 1 })]),
    tarOf([entryOf({ path: "d", type: "dir" }), entryOf({ path: "l", type: "symlink", linkname: "x".repeat(150) })]),
    Buffer.concat([
      meta(
        "x",
        records([
          ["path", "long/name"],
          ["size", "3"],
          ["mtime", "-1.5"],
        ]),
      ),
      file,
      END,
    ]),
    Buffer.concat([meta("g", records([["comment", "x"]])), file, END]),
    Buffer.concat([meta("L", `${"n".repeat(120)}\0`), meta("K", "link\0"), file, END]),
    Buffer.concat([rawHeader({ magic: "gnu", uid: base256(2 ** 40, 8), size: base256(3, 12) }), padded("abc"), END]),
    Buffer.concat([rawHeader({ magic: "v7", type: "\0" }), rawHeader({ type: "3", major: octal(1, 7) }), END]),
  ];
  return {
    name: "tar",
    corpus: archives.map((bytes) => bytes.toString("latin1")),
    dictionary: [
      ..."0 1 2 3 4 5 6 7 x g L K S ustar\0 00 \0 ../ / .wh. .wh..wh..opq 18\u0020path=a 9999999999".split(" "),
      ...["\x80\0\0\0\0\0\0\0", "\xff".repeat(8), "\0".repeat(512), "30 mtime=1350244992.023960108\n"],
      ...["12 path=abc\n", "18 SCHILY.xattr.a=b\n", file.toString("latin1")],
    ],
    maxLength: 12_000,
    isBinary: true,
    run(input, random) {
      const bytes = Buffer.from(input, "latin1");
      // Most changes only break a checksum; with it mended they come further.
      if (random.below(8) !== 0) mendChecksums(bytes);
      const cuts = Array.from({ length: random.below(6) }, () => random.below(bytes.length + 1)).sort((a, b) => a - b);
      const whole = read(bytes, []);
      const inParts = read(bytes, cuts);
      check(whole === inParts, () => `in parts it reads otherwise:\n${whole}\n${inParts}`);
      return whole.replace(/[0-9]+/g, "n").slice(0, 120);
    },
  };
}

/** Entries with their content, and the error in the end. */
function read(bytes: Buffer, cuts: readonly number[]): string {
  const seen: string[] = [];
  const reader = new TarReader({
    entry: ({ type, path, linkname, size }, offset) => {
      check(size >= 0 && Number.isSafeInteger(size), () => `size ${size}`);
      seen.push(`${type} ${path.length} ${linkname.length} ${size} at ${offset}:`);
    },
    data: (chunk) => {
      seen[seen.length - 1] += chunk.toString("hex");
    },
    end: () => {
      seen[seen.length - 1] += ";";
    },
  });
  const end = answer(CODES, () => {
    let from = 0;
    for (const cut of [...cuts, bytes.length]) {
      reader.write(bytes.subarray(from, cut));
      from = cut;
    }
    reader.end();
    return "ok";
  });
  return `${end} ${seen.join(" ")}`;
}

function mendChecksums(bytes: Buffer): void {
  for (let at = 0; at + 512 <= bytes.length; at += 512) {
    if (!bytes.toString("latin1", at + 257, at + 262).startsWith("ustar") || hasValidChecksum(bytes, at)) continue;
    bytes.fill(0x20, at + 148, at + 156);
    let sum = 0;
    for (let index = at; index < at + 512; index++) sum += bytes[index]!;
    bytes.write(octal(sum, 6), at + 148, "latin1");
  }
}
