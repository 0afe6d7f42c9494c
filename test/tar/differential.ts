/**
 * U9: generated archives, read by us and by GNU tar and Python's tarfile. Every difference is either in `KNOWN_DIFFERENCES`
 * or a fault. Run in hundreds by `differential.test.ts` and in ten thousands by `test/e2e/tar-differential.test.ts`.
 */
import { spawnSync } from "node:child_process";
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { isOcibuildError } from "../../src/errors.js";
import { normalizeName } from "../../src/tar/names.js";
import type { ByteString } from "../../src/util/bytes.js";
import { base256, END, meta, octal, padded, type RawHeader, rawHeader, records } from "./raw-archive.js";
import { readAll } from "./support.js";

export type OtherReader = "gnu" | "python";

/** What an archive may have on which readers are known to differ, with whom we do not agree, and why we read it as we do. */
export const KNOWN_DIFFERENCES: Readonly<
  Record<string, { readonly with: readonly OtherReader[]; readonly why: string }>
> = {
  "size of what is no file": { with: ["gnu"], why: "GNU tar skips as many bytes; Go, libarchive and Python none" },
  "file with a final slash": {
    with: ["gnu", "python"],
    why: "GNU tar makes it a directory; Go does with the old type NUL, Python too but looks at the ustar name only",
  },
  "fraction before 1970": { with: ["gnu"], why: "GNU tar lists -1.25 as -0.75, but extracts it right" },
  "global header": { with: ["gnu", "python"], why: "both apply it; Go, and so every engine, does not" },
};

export interface GeneratedArchive {
  readonly bytes: Buffer;
  readonly features: ReadonlySet<string>;
}

/** The archive number `seed`: one to four entries in random dialects. */
export function generateArchive(seed: number): GeneratedArchive {
  const random = new Random(seed);
  const features = new Set<string>();
  const parts: Buffer[] = [];
  const count = 1 + random.below(4);
  for (let i = 0; i < count; i++) parts.push(...generateEntry(random, features));
  if (random.chance(0.85)) parts.push(END);
  if (random.chance(0.2)) parts.push(Buffer.alloc(512 * random.below(20)));
  const bytes = Buffer.concat(parts);
  if (random.chance(0.08) && bytes.length > 0) {
    const at = random.below(bytes.length);
    bytes[at] = (bytes[at] as number) ^ (1 << random.below(8));
    features.add("damaged");
  }
  return { bytes, features };
}

function generateEntry(random: Random, features: Set<string>): Buffer[] {
  const magic = random.pick(["ustar", "ustar", "gnu", "v7"] as const);
  const type = random.pick(["0", "0", "0", "\0", "7", "1", "2", "3", "5", "5", "6"]);
  const isFile = type === "0" || type === "\0" || type === "7";
  const content = isFile ? "c".repeat(random.pick([0, 1, 5, 511, 512, 513, 1500])) : "";
  const fields: [string, string][] = [];
  const metas: Buffer[] = [];
  const needsLink = type === "1" || type === "2";
  const name = random.pick([
    "a",
    "dir/file",
    "./b",
    "/c",
    "d//e",
    "f/./g",
    "h/../i",
    "n".repeat(100),
    "\xe6\x97\xa5",
    "b\xff",
  ]);
  const header: Mutable<RawHeader> = {
    magic,
    type,
    name: name + (type === "5" || random.chance(0.08) ? "/" : ""),
    mode: random.pick([octal(0o644, 7), octal(0, 7), octal(0o4755, 7), "   755 \0", octal(0o100600, 7)]),
    uid: random.pick([octal(0, 7), octal(1000, 7), base256(3_000_000, 8), "      7 "]),
    gid: random.pick([octal(0, 7), octal(0o7777777, 7), base256(2 ** 31, 8)]),
    mtime: random.pick([octal(0, 11), octal(1_000_000, 11), octal(5_000_000_000, 11), base256(-77, 12)]),
    size: random.pick([
      octal(content.length, 11),
      `${content.length.toString(8).padStart(11, " ")} `,
      base256(content.length, 12),
    ]),
  };
  if (header.name?.endsWith("/") && isFile) features.add("file with a final slash");
  if (needsLink) header.link = random.pick(["target", "./t", "dir/file"]);
  if (type === "3") Object.assign(header, { major: octal(8, 7), minor: octal(random.below(256), 7) });
  if (magic === "ustar" && random.chance(0.2)) header.prefix = random.pick(["p", "long/prefix", "q".repeat(155)]);
  if (!isFile && random.chance(0.1)) {
    header.size = octal(512, 11);
    features.add("size of what is no file");
  }
  if (random.chance(0.2))
    metas.push(meta("L", `${random.pick(["gnu-name", `${"g/".repeat(80)}n`])}${random.chance(0.8) ? "\0" : ""}`));
  if (needsLink && random.chance(0.2)) metas.push(meta("K", "gnu-target\0"));
  if (random.chance(0.2))
    fields.push(["path", random.pick(["pax-name", "./pax//x", "\xc3\xa4", `${"p/".repeat(90)}n`])]);
  if (needsLink && random.chance(0.2)) fields.push(["linkpath", "pax-target"]);
  if (random.chance(0.15)) fields.push(["uid", random.pick(["0", "70000", "4294967294"])]);
  if (random.chance(0.15)) {
    const mtime = random.pick(["12", "12.5", "-0.25", "-1.25", "-3", "9000000000.000000001"]);
    fields.push(["mtime", mtime]);
    if (mtime.startsWith("-") && mtime.includes(".")) features.add("fraction before 1970");
  }
  if (random.chance(0.1)) fields.push(["SCHILY.xattr.user.x", "\0\x01\n="]);
  if (random.chance(0.1)) fields.push(["comment", "any"]);
  if (isFile && random.chance(0.25)) {
    fields.push(["size", String(content.length)]);
    header.size = random.pick([octal(0, 11), octal(512, 11), octal(content.length, 11)]);
  }
  const keys = fields.map(([key]) => key);
  const gnuTypes = metas.map((block) => String.fromCharCode(block[156] as number));
  if (keys.includes("path") && gnuTypes.includes("L")) features.add("two names");
  if (keys.includes("linkpath") && gnuTypes.includes("K")) features.add("two names");
  if (fields.length > 0) metas.splice(random.below(metas.length + 1), 0, meta("x", records(fields)));
  if (random.chance(0.03)) {
    metas.unshift(
      meta(
        "g",
        records([
          ["mtime", "99"],
          ["comment", "global"],
        ]),
      ),
    );
    features.add("global header");
  }
  return [...metas, rawHeader(header), padded(content)];
}

/** What makes us refuse an archive that others may take. */
const REFUSALS: readonly string[] = ["damaged", "two names"];

/** An entry as all readers can say it. */
export type PlainEntry = Readonly<
  Record<"path" | "type" | "link" | "mtime", string> & Record<"mode" | "uid" | "gid" | "size", number>
>;

/** What a reader makes of an archive; `undefined` when it refuses it. */
export type Reading = readonly PlainEntry[] | undefined;

export function readByUs(bytes: Buffer): Reading {
  try {
    return readAll(bytes).map(({ entry }) => ({
      path: entry.path,
      type: entry.type,
      mode: entry.mode,
      uid: entry.uid,
      gid: entry.gid,
      size: entry.size,
      link: entry.linkname,
      mtime: `${entry.mtimeSeconds}.${String(entry.mtimeNanos).padStart(9, "0")}`,
    }));
  } catch (error) {
    if (isOcibuildError(error)) return undefined;
    throw error;
  }
}

/** What the other reader makes of each of `archives`. */
export function readByOther(reader: OtherReader, archives: readonly Buffer[]): Reading[] {
  const folder = mkdtempSync(join(tmpdir(), "ocibuild-tar-"));
  try {
    archives.forEach((bytes, index) => {
      writeFileSync(join(folder, `${String(index).padStart(6, "0")}.tar`), bytes);
    });
    const names = readdirSync(folder).sort();
    return reader === "gnu" ? readByGnu(folder, names) : readByPython(folder, names);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

const GNU_SCRIPT = `for f in "$@"; do
  echo "== $f"
  tar --list --verbose --numeric-owner --full-time --quoting-style=c --absolute-names --file "$f" 2>/dev/null
  echo "-- $?"
done`;

function readByGnu(folder: string, names: readonly string[]): Reading[] {
  const output = run("sh", ["-c", GNU_SCRIPT, "sh", ...names], folder);
  return output
    .split(/^== .*\n/m)
    .slice(1)
    .map((text) => {
      const lines = text.trimEnd().split("\n");
      return lines.pop() === "-- 0" ? lines.map(parseGnuLine) : undefined;
    });
}

const GNU_LINE =
  /^(.)(.{9}) (\d+)\/(\d+) +(\S+) (\S+ \S+) +"((?:[^"\\]|\\.)*)"(?: (?:->|link to) "((?:[^"\\]|\\.)*)")?$/;
const GNU_TYPES: Readonly<Record<string, string>> = {
  "-": "file",
  C: "file",
  d: "dir",
  l: "symlink",
  h: "hardlink",
  c: "char",
  b: "block",
  p: "fifo",
};

function parseGnuLine(line: string): PlainEntry {
  const match = GNU_LINE.exec(line);
  if (match === null) throw new Error(`cannot read ${JSON.stringify(line)}`);
  const [, type = "", mode = "", uid, gid, size = "", time = "", name = "", link = ""] = match;
  const [, seconds = "", fraction = ""] = /^(.*?)(?:\.(\d+))?$/.exec(time) ?? [];
  return plain({
    path: unquote(name),
    type: GNU_TYPES[type] ?? type,
    mode: modeOf(mode),
    uid: Number(uid),
    gid: Number(gid),
    size: size.includes(",") ? 0 : Number(size),
    link: unquote(link),
    mtime: `${Date.parse(`${seconds.replace(" ", "T")}Z`) / 1000}.${fraction.padEnd(9, "0")}`,
  });
}

const PYTHON_SCRIPT = `
import sys, tarfile, json
for name in sys.argv[1:]:
    try:
        with tarfile.open(name, "r:", encoding="utf-8", errors="surrogateescape") as tar:
            found = []
            for m in tar:
                h = m.pax_headers
                text = lambda s: s.encode("utf-8", "surrogateescape").decode("latin-1")
                found.append([text(m.name), m.type.decode("latin-1"), m.mode & 0o7777, m.uid, m.gid, m.size, text(m.linkname),
                    h.get("mtime", str(int(m.mtime)))])
            print(json.dumps(found))
    except Exception as e:
        print("null")
`;
const PYTHON_TYPES: Readonly<Record<string, string>> = {
  "0": "file",
  "\0": "file",
  "7": "file",
  "1": "hardlink",
  "2": "symlink",
  "3": "char",
  "4": "block",
  "5": "dir",
  "6": "fifo",
};

function readByPython(folder: string, names: readonly string[]): Reading[] {
  const output = run("python3", ["-c", PYTHON_SCRIPT, ...names], folder);
  return output
    .trimEnd()
    .split("\n")
    .map((line) => {
      const found = JSON.parse(line) as [string, string, number, number, number, number, string, string][] | null;
      return found?.map(([path, type, mode, uid, gid, size, link, mtime]) =>
        plain({ path, type: PYTHON_TYPES[type] ?? type, mode, uid, gid, size, link, mtime: fixedTime(mtime) }),
      );
    });
}

/** Brings names to our normal form; sizes and links to what they mean for the type. */
function plain(entry: PlainEntry): PlainEntry {
  const normal = (name: string): string => normalizeName(name as ByteString) ?? `(outside) ${name}`;
  return {
    ...entry,
    path: normal(entry.path),
    size: entry.type === "file" ? entry.size : 0,
    link: entry.type === "hardlink" ? normal(entry.link) : entry.type === "symlink" ? entry.link : "",
  };
}

function fixedTime(text: string): string {
  const [, sign = "", whole = "", fraction = ""] = /^(-?)(\d+)(?:\.(\d*))?$/.exec(text) ?? [];
  const nanos = BigInt(`${sign}${BigInt(whole) * 1_000_000_000n + BigInt(fraction.padEnd(9, "0").slice(0, 9))}`);
  const seconds = nanos / 1_000_000_000n - (nanos % 1_000_000_000n < 0n ? 1n : 0n);
  return `${seconds}.${String(nanos - seconds * 1_000_000_000n).padStart(9, "0")}`;
}

function modeOf(text: string): number {
  let mode = 0;
  for (let i = 0; i < 9; i++) {
    const char = text[i] as string;
    if (/[rwxst]/.test(char)) mode |= 1 << (8 - i);
    if (/[sStT]/.test(char)) mode |= 0o4000 >> Math.floor(i / 3);
  }
  return mode;
}

function unquote(text: string): string {
  const escapes: Readonly<Record<string, string>> = { n: "\n", t: "\t", r: "\r", a: "\x07", b: "\b", f: "\f", v: "\v" };
  return text.replace(/\\([0-7]{3}|.)/g, (_, code: string) =>
    code.length === 3 ? String.fromCharCode(Number.parseInt(code, 8)) : (escapes[code] ?? code),
  );
}

function run(command: string, args: readonly string[], cwd: string): string {
  const result = spawnSync(command, args, { cwd, env: { ...process.env, LC_ALL: "C", TZ: "UTC" }, maxBuffer: 2 ** 30 });
  if (result.error !== undefined) throw result.error;
  return result.stdout.toString("latin1");
}

/** Differences of the archives `from`…`to` that are not known, ready to print. */
export function findDifferences(reader: OtherReader, from: number, to: number): string[] {
  const archives: GeneratedArchive[] = [];
  for (let seed = from; seed < to; seed++) archives.push(generateArchive(seed));
  const others = readByOther(
    reader,
    archives.map(({ bytes }) => bytes),
  );
  return archives.flatMap(({ bytes, features }, index) => {
    if ([...features].some((feature) => KNOWN_DIFFERENCES[feature]?.with.includes(reader))) return [];
    const ours = readByUs(bytes);
    const other = others[index];
    if (ours === undefined && REFUSALS.some((feature) => features.has(feature))) return [];
    const [left, right] = [JSON.stringify(ours), JSON.stringify(other)];
    return left === right
      ? []
      : [`archive ${from + index} (${[...features]}): we read ${left} but ${reader} reads ${right}`];
  });
}

/** A small generator that gives the same numbers for the same seed. */
class Random {
  #state: number;

  constructor(seed: number) {
    this.#state = (seed + 1) * 0x9e3779b1;
  }

  next(): number {
    this.#state = (this.#state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(this.#state ^ (this.#state >>> 15), 1 | this.#state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  }

  below(limit: number): number {
    return Math.floor(this.next() * limit);
  }

  chance(share: number): boolean {
    return this.next() < share;
  }

  pick<T>(values: readonly T[]): T {
    return values[this.below(values.length)] as T;
  }
}

type Mutable<T> = { -readonly [K in keyof T]: T[K] };
