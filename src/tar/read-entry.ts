/** One header block and the extended headers before it → `TarEntry`. Extended headers win over ustar, for every field. */
import { OcibuildError } from "../errors.js";
import { type ByteString, bufferOf, textOf } from "../util/bytes.js";
import type { EntryType, TarEntry, Xattrs } from "./entry.js";
import { readName, readNumber } from "./fields.js";
import type { TarLimits } from "./limits.js";
import { depthOf, type EscapingNames, normalizeName } from "./names.js";
import { MAX_ID, type PaxRecords, parsePaxNumber, parsePaxTime, XATTR_PREFIX } from "./pax.js";

/** What an entry may be. */
export interface EntryRules {
  readonly limits: TarLimits;
  readonly escapingNames: EscapingNames;
}

/** The extended headers that came before an entry and hold for it alone. */
export interface ExtendedHeaders {
  readonly pax: PaxRecords | undefined;
  readonly gnuName: ByteString | undefined;
  readonly gnuLink: ByteString | undefined;
}

export const NO_EXTENDED_HEADERS: ExtendedHeaders = { pax: undefined, gnuName: undefined, gnuLink: undefined };

const TYPES: ReadonlyMap<number, EntryType> = new Map<number, EntryType>([
  [0x00, "file"],
  [0x30, "file"],
  [0x31, "hardlink"],
  [0x32, "symlink"],
  [0x33, "char"],
  [0x34, "block"],
  [0x35, "dir"],
  [0x36, "fifo"],
  [0x37, "file"],
]);
const TYPE_GNU_SPARSE = 0x53;
const SPARSE_PREFIX = "GNU.sparse.";

/**
 * The entry of the header at `at` of `block`, which is at `offset` of the archive.
 * @throws TAR_INVALID, TAR_LIMIT, TAR_UNSUPPORTED
 */
export function readEntry(
  block: Buffer,
  at: number,
  extended: ExtendedHeaders,
  offset: number,
  rules: EntryRules,
): TarEntry {
  const { pax } = extended;
  const rawName = extendedName(pick(pax, "path"), extended.gnuName, "names", offset) ?? ustarName(block, at);
  const flag = block[at + 156] as number;
  const type = typeOf(flag, rawName, pax);
  const path = normalPath(rawName, rawName, "name", offset, rules);
  const linkname = linkOf(
    type,
    extendedName(pick(pax, "linkpath"), extended.gnuLink, "link targets", offset),
    block,
    at,
    rawName,
    offset,
    rules,
  );
  if (path === "" && type !== "dir") throw invalid(rawName, "is the root of the archive but not a directory", offset);
  const isDevice = type === "char" || type === "block";
  const mtime = pick(pax, "mtime");
  const time = mtime === undefined ? undefined : parsePaxTime(mtime);
  if (mtime !== undefined && time === undefined) throw invalid(rawName, `has no valid mtime (${quote(mtime)})`, offset);
  return {
    path,
    type,
    mode: field(block, at + 100, 8, rawName, "mode", offset) % 0o10000,
    uid: number(pax, "uid", block, at + 108, 8, rawName, offset),
    gid: number(pax, "gid", block, at + 116, 8, rawName, offset),
    // As Go, libarchive and Python have it: what is not a file has no content, whatever its size field says.
    size: type === "file" ? number(pax, "size", block, at + 124, 12, rawName, offset) : 0,
    mtimeSeconds: time === undefined ? field(block, at + 136, 12, rawName, "mtime", offset, true) : time.seconds,
    mtimeNanos: time === undefined ? 0 : time.nanos,
    linkname,
    devMajor: isDevice ? device(block, at + 329, rawName, "devmajor", offset) : 0,
    devMinor: isDevice ? device(block, at + 337, rawName, "devminor", offset) : 0,
    xattrs: pax === undefined ? undefined : xattrsOf(pax),
  };
}

/**
 * Global extended headers are not applied (Go's reader, and so every container engine, does not either); one that would
 * change where entries are is refused, because readers that do apply it see another archive.
 * @throws TAR_UNSUPPORTED
 */
export function assertGlobalRecords(records: PaxRecords, offset: number): void {
  for (const key of records.keys()) {
    if (key === "path" || key === "linkpath" || key === "size" || key.startsWith(SPARSE_PREFIX)) {
      throw new OcibuildError(
        "TAR_UNSUPPORTED",
        `tar archive has a global extended header that sets ${quote(key)}, at offset ${offset}`,
        { details: { path: "", feature: `global ${textOf(key)}` } },
      );
    }
  }
}

function typeOf(flag: number, rawName: ByteString, pax: PaxRecords | undefined): EntryType {
  // Before ustar, a directory was a file whose name ends in a slash.
  if (flag === 0 && rawName.endsWith("/")) return "dir";
  const type = TYPES.get(flag);
  if (type === undefined) {
    if (flag === TYPE_GNU_SPARSE) throw sparse(rawName);
    const feature = `entry type ${quote(String.fromCharCode(flag))}`;
    throw new OcibuildError("TAR_UNSUPPORTED", `tar entry ${quote(rawName)} has the unknown ${feature}`, {
      details: { path: textOf(rawName), feature },
    });
  }
  if (pax !== undefined && type === "file") {
    for (const key of pax.keys())
      if (key.startsWith(SPARSE_PREFIX)) throw sparse(pick(pax, "GNU.sparse.name") ?? rawName);
  }
  return type;
}

/**
 * PAX and GNU headers that say different things are refused: GNU tar believes the one, Go's reader the other, and no writer
 * makes both.
 */
function extendedName(
  pax: ByteString | undefined,
  gnu: ByteString | undefined,
  what: string,
  offset: number,
): ByteString | undefined {
  if (pax !== undefined && gnu !== undefined && pax !== gnu) {
    throw invalid(pax, `has two ${what}, the other is ${quote(gnu)}`, offset);
  }
  return pax ?? gnu;
}

function ustarName(block: Buffer, at: number): ByteString {
  const name = readName(block, at, 100);
  // "ustar\0" has a prefix; GNU's "ustar  \0" has times there, and older formats have nothing.
  if (block[at + 345] === 0 || block[at + 262] !== 0 || block.toString("latin1", at + 257, at + 262) !== "ustar")
    return name;
  const isStar = block.toString("latin1", at + 508, at + 512) === "tar\0";
  return `${readName(block, at + 345, isStar ? 131 : 155)}/${name}` as ByteString;
}

function linkOf(
  type: EntryType,
  extended: ByteString | undefined,
  block: Buffer,
  at: number,
  rawName: ByteString,
  offset: number,
  rules: EntryRules,
): ByteString {
  if (type !== "symlink" && type !== "hardlink") return "" as ByteString;
  const link = extended ?? readName(block, at + 157, 100);
  const normal = type === "hardlink" ? normalPath(link, rawName, "link target", offset, rules) : link;
  if (normal === "" || normal.includes("\0"))
    throw invalid(rawName, `has no valid link target (${quote(link)})`, offset);
  const { nameBytes } = rules.limits;
  if (normal.length > nameBytes) throw tooLong(rawName, "link target", "nameBytes", nameBytes);
  return normal;
}

function normalPath(
  name: ByteString,
  rawName: ByteString,
  what: string,
  offset: number,
  rules: EntryRules,
): ByteString {
  const { limits, escapingNames } = rules;
  if (name.length > limits.nameBytes) throw tooLong(rawName, what, "nameBytes", limits.nameBytes);
  const path = normalizeName(name, escapingNames);
  if (path === undefined) {
    const fault = name.includes("\0") ? "has a NUL byte" : "leaves the root";
    throw invalid(rawName, name === rawName ? fault : `has a ${what} that ${fault} (${quote(name)})`, offset);
  }
  if (path.length > limits.depth && depthOf(path) > limits.depth) throw tooLong(rawName, what, "depth", limits.depth);
  return path;
}

/** An empty value means what its absence means. */
function pick(pax: PaxRecords | undefined, key: string): ByteString | undefined {
  const value = pax?.get(key as ByteString);
  return value === "" ? undefined : value;
}

function number(
  pax: PaxRecords | undefined,
  key: "uid" | "gid" | "size",
  block: Buffer,
  at: number,
  length: number,
  rawName: ByteString,
  offset: number,
): number {
  const text = pick(pax, key);
  if (text === undefined) return field(block, at, length, rawName, key, offset);
  const value = parsePaxNumber(text);
  if (value === undefined) throw invalid(rawName, `has no valid ${key} (${quote(text)})`, offset);
  return value;
}

function field(
  block: Buffer,
  at: number,
  length: number,
  rawName: ByteString,
  what: string,
  offset: number,
  signed = false,
): number {
  const value = readNumber(block, at, length);
  if (value === undefined || (value < 0 && !signed)) throw invalid(rawName, `has no valid ${what}`, offset);
  return value;
}

function device(block: Buffer, at: number, rawName: ByteString, what: string, offset: number): number {
  const value = field(block, at, 8, rawName, what, offset);
  if (value > MAX_ID) throw invalid(rawName, `has no valid ${what} (${value})`, offset);
  return value;
}

function xattrsOf(pax: PaxRecords): Xattrs | undefined {
  let xattrs: Map<ByteString, Buffer> | undefined;
  for (const [key, value] of pax) {
    if (!key.startsWith(XATTR_PREFIX) || key.length === XATTR_PREFIX.length) continue;
    xattrs ??= new Map();
    xattrs.set(key.slice(XATTR_PREFIX.length) as ByteString, bufferOf(value));
  }
  return xattrs;
}

function quote(name: string): string {
  const text = textOf(name as ByteString);
  return JSON.stringify(text.length > 200 ? `${text.slice(0, 200)}…` : text);
}

function invalid(rawName: ByteString, fault: string, offset: number): OcibuildError {
  return new OcibuildError("TAR_INVALID", `tar entry ${quote(rawName)} at offset ${offset} ${fault}`, {
    details: { offset },
  });
}

function tooLong(rawName: ByteString, what: string, limit: keyof TarLimits, value: number): OcibuildError {
  return new OcibuildError(
    "TAR_LIMIT",
    `${what} of tar entry ${quote(rawName)} exceeds the limit "${limit}" (${value})`,
    {
      details: { limit },
    },
  );
}

function sparse(rawName: ByteString): OcibuildError {
  return new OcibuildError("TAR_UNSUPPORTED", `tar entry ${quote(rawName)} is a sparse file`, {
    details: { path: textOf(rawName), feature: "sparse files" },
    hint: "Write the archive without --sparse (-S).",
  });
}
