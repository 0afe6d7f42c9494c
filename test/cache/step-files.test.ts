import { createHash } from "node:crypto";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { decodeStepFiles, encodeStepFiles, type StepFile, type StepFileGroup } from "../../src/cache/step-files.js";
import type { ByteString } from "../../src/util/bytes.js";
import { runs } from "../support/runs.js";

const KEY = "a".repeat(64);
const bytes = (most: number) =>
  fc.uint8Array({ maxLength: most }).map((array) => Buffer.from(array).toString("latin1") as ByteString);
const file: fc.Arbitrary<StepFile> = fc.record({
  path: bytes(30),
  type: fc.constantFrom("file", "dir", "symlink", "hardlink", "fifo", "char", "block", "socket"),
  mode: fc.nat(0o7777),
  uid: fc.nat(2 ** 31),
  gid: fc.nat(2 ** 31),
  content: bytes(16),
  xattrs: bytes(8),
});
const groups = fc.array(fc.record({ name: fc.string(), files: fc.array(file, { maxLength: 8 }) }), { maxLength: 4 });

describe("the files of a step", () => {
  test("come back as they were, names of any bytes too", () => {
    fc.assert(
      fc.property(groups, (list) => {
        const encoded = encodeStepFiles(KEY, list);
        const isEmpty = list.every(({ files }) => files.length === 0);
        expect(encoded === undefined).toBe(isEmpty);
        if (encoded === undefined) return;
        expect(decodeStepFiles(KEY, encoded)).toEqual({ groups: list, isComplete: true });
        expect(decodeStepFiles("b".repeat(64), encoded)).toBeUndefined();
      }),
      { numRuns: runs(200) },
    );
  });

  test("S3: bytes that are cut or changed are files or nothing, never an error", () => {
    fc.assert(
      fc.property(groups, fc.nat(), fc.nat(255), (list, at, value) => {
        const encoded = encodeStepFiles(KEY, list) ?? Buffer.alloc(1);
        const changed = Buffer.from(encoded);
        changed[at % changed.length] = value;
        for (const damaged of [changed, encoded.subarray(0, at % encoded.length)]) {
          const files = decodeStepFiles(KEY, damaged)?.groups.flatMap((group) => group.files) ?? [];
          for (const { type } of files) expect(typeof type).toBe("string");
        }
      }),
      { numRuns: runs(200) },
    );
  });

  test("are cut at a limit, which is said", () => {
    const many = (count: number): StepFileGroup[] => [{ name: "", files: entries(count) }];
    const cut = decodeStepFiles(KEY, encodeStepFiles(KEY, many(10), 4)!)!;
    expect(cut.groups[0]?.files).toHaveLength(4);
    expect(cut.isComplete).toBe(false);
    expect(decodeStepFiles(KEY, encodeStepFiles(KEY, many(4), 4)!)?.isComplete).toBe(true);
  });

  test("K14: a list that others have made cannot fill the memory", () => {
    const path = "a".repeat(60_000) as ByteString;
    const [file] = entries(1);
    const long = Array.from({ length: 3_000 }, () => ({ ...file!, path }));
    const encoded = encodeStepFiles(KEY, [{ name: "", files: long }])!;
    expect(encoded.length).toBeLessThan(200_000);
    expect(decodeStepFiles(KEY, encoded)).toBeUndefined();
  });

  test("take less than fifty bytes each", () => {
    expect(encodeStepFiles(KEY, [{ name: "", files: entries(20_000) }])!.length).toBeLessThan(50 * 20_000);
  });
});

function* entries(count: number): Generator<StepFile> {
  for (let at = 0; at < count; at++) {
    const path = `node_modules/package-${at % 900}/lib/file-${at}.js` as ByteString;
    const content = createHash("sha256").update(path).digest().toString("latin1", 0, 16) as ByteString;
    yield { path, type: "file", mode: 0o644, uid: 0, gid: 0, content, xattrs: "" as ByteString };
  }
}
