/**
 * `TarEntry` → header bytes: a ustar header, with a PAX extended header before it for what ustar cannot say.
 *
 * Equal entries give equal bytes: no user or group names, no clock, records sorted, a fixed name on the extended header.
 * @spec POSIX.1-2017 pax, "ustar Interchange Format"; layer.md#creating-a-changeset-tar
 */
import { OcibuildError } from "../errors.js";
import { type ByteString, textOf } from "../util/bytes.js";
import type { EntryType, TarEntry } from "./entry.js";
import { TAR_LIMITS } from "./limits.js";
import { normalizeName } from "./names.js";
import { formatPaxRecords, MAX_ID, MAX_OCTAL_12, needsPaxName } from "./pax.js";

export const BLOCK_BYTES = 512;

const PAX_HEADER_NAME = "PaxHeaders.0" as ByteString;
const NAME_BYTES = 100;
const PREFIX_BYTES = 155;

const TYPE_FLAGS: Readonly<Record<EntryType, number>> = {
  file: 0x30,
  hardlink: 0x31,
  symlink: 0x32,
  char: 0x33,
  block: 0x34,
  dir: 0x35,
  fifo: 0x36,
};

/** The zero bytes that follow `size` bytes of content: 0–511. */
export function paddingOf(size: number): number {
  const rest = size % BLOCK_BYTES;
  return rest === 0 ? 0 : BLOCK_BYTES - rest;
}

/** An upper bound on what `encodeHeader` writes for `entry`, cheap to compute. */
export function headerSizeBound(entry: TarEntry): number {
  let bound = 4 * BLOCK_BYTES + entry.path.length + entry.linkname.length;
  if (entry.xattrs !== undefined) for (const [name, value] of entry.xattrs) bound += name.length + value.length + 32;
  return bound;
}

/**
 * Writes the header of `entry` at `offset` of `target`, which has room for `headerSizeBound(entry)` bytes; returns how many
 * it wrote, a multiple of 512. Content, padded with `paddingOf(size)` zeros, follows it.
 * @throws LAYER_INVALID when a field has no form in a tar, TAR_LIMIT when a name or its attributes are too long to be read back
 */
export function encodeHeader(entry: TarEntry, target: Buffer, offset: number): number {
  checkFields(entry);
  const name = archiveName(entry);
  const link = entry.linkname;
  const split = splitName(name);
  const paxPath = needsPaxName(name, split !== undefined) ? name : undefined;
  const paxLink = needsPaxName(link, link.length <= NAME_BYTES) ? link : undefined;
  const records = formatPaxRecords(entry, paxPath, paxLink);
  let at = offset;
  if (records !== "") {
    if (records.length > TAR_LIMITS.extendedHeaderBytes) throw tooLong(entry, "extended header", "extendedHeaderBytes");
    writeUstar(target, at, PAX_HEADER_NAME, 0, 0x78, 0o644, 0, 0, records.length, 0, "", 0, 0);
    at += BLOCK_BYTES;
    target.write(records, at, records.length, "latin1");
    const padding = paddingOf(records.length);
    target.fill(0, at + records.length, at + records.length + padding);
    at += records.length + padding;
  }
  const { type, mode, size, mtimeSeconds } = entry;
  const uid = entry.uid > MAX_ID ? 0 : entry.uid;
  const gid = entry.gid > MAX_ID ? 0 : entry.gid;
  const ustarSize = size > MAX_OCTAL_12 ? 0 : size;
  const mtime = mtimeSeconds < 0 || mtimeSeconds > MAX_OCTAL_12 ? 0 : mtimeSeconds;
  const isDevice = type === "char" || type === "block";
  const major = isDevice ? entry.devMajor : 0;
  const minor = isDevice ? entry.devMinor : 0;
  writeUstar(target, at, name, split ?? 0, TYPE_FLAGS[type], mode, uid, gid, ustarSize, mtime, link, major, minor);
  return at + BLOCK_BYTES - offset;
}

/** The name as it stands in the archive: directories end in a slash, the root is `./`. */
function archiveName(entry: TarEntry): ByteString {
  if (entry.type !== "dir") return entry.path;
  return (entry.path === "" ? "./" : `${entry.path}/`) as ByteString;
}

/** Where to cut `name` into prefix and name: the index of a slash, 0 for no prefix, `undefined` when it does not fit. */
function splitName(name: string): number | undefined {
  if (name.length <= NAME_BYTES) return 0;
  if (name.length > PREFIX_BYTES + 1 + NAME_BYTES) return undefined;
  const slash = name.indexOf("/", Math.max(1, name.length - NAME_BYTES - 1));
  return slash > 0 && slash <= PREFIX_BYTES && slash < name.length - 1 ? slash : undefined;
}

function writeUstar(
  target: Buffer,
  at: number,
  name: string,
  split: number,
  typeFlag: number,
  mode: number,
  uid: number,
  gid: number,
  size: number,
  mtime: number,
  link: string,
  major: number,
  minor: number,
): void {
  target.fill(0, at, at + BLOCK_BYTES);
  target.write(split > 0 ? name.slice(split + 1) : name, at, NAME_BYTES, "latin1");
  writeOctal(target, at + 100, 7, mode);
  writeOctal(target, at + 108, 7, uid);
  writeOctal(target, at + 116, 7, gid);
  writeOctal(target, at + 124, 11, size);
  writeOctal(target, at + 136, 11, mtime);
  target[at + 156] = typeFlag;
  if (link !== "") target.write(link, at + 157, NAME_BYTES, "latin1");
  target.write("ustar\x0000", at + 257, 8, "latin1");
  writeOctal(target, at + 329, 7, major);
  writeOctal(target, at + 337, 7, minor);
  if (split > 0) target.write(name.slice(0, split), at + 345, PREFIX_BYTES, "latin1");
  let sum = 8 * 0x20;
  for (let i = at; i < at + BLOCK_BYTES; i++) sum += target[i] as number;
  writeOctal(target, at + 148, 6, sum);
  target[at + 155] = 0x20;
}

function writeOctal(target: Buffer, at: number, digits: number, value: number): void {
  for (let i = at + digits - 1; i >= at; i--) {
    const digit = value % 8;
    target[i] = 0x30 + digit;
    value = (value - digit) / 8;
  }
}

function checkFields(entry: TarEntry): void {
  const { path, mode, uid, gid, size, mtimeSeconds, mtimeNanos, linkname } = entry;
  if (!isWithin(mode, 0o7777)) throw invalid(entry, "mode", mode);
  if (!isWithin(uid, Number.MAX_SAFE_INTEGER)) throw invalid(entry, "uid", uid);
  if (!isWithin(gid, Number.MAX_SAFE_INTEGER)) throw invalid(entry, "gid", gid);
  if (!isWithin(size, entry.type === "file" ? Number.MAX_SAFE_INTEGER : 0)) throw invalid(entry, "size", size);
  if (!Number.isSafeInteger(mtimeSeconds)) throw invalid(entry, "mtimeSeconds", mtimeSeconds);
  if (!isWithin(mtimeNanos, 999_999_999)) throw invalid(entry, "mtimeNanos", mtimeNanos);
  if (!isWithin(entry.devMajor, MAX_ID)) throw invalid(entry, "devMajor", entry.devMajor);
  if (!isWithin(entry.devMinor, MAX_ID)) throw invalid(entry, "devMinor", entry.devMinor);
  if ((path === "" && entry.type !== "dir") || normalizeName(path) !== path) throw invalid(entry, "path", textOf(path));
  if (entry.type === "hardlink" && normalizeName(linkname) !== linkname)
    throw invalid(entry, "linkname", textOf(linkname));
  if ((linkname !== "") !== (entry.type === "symlink" || entry.type === "hardlink")) {
    throw invalid(entry, "linkname", linkname);
  }
  if (path.length > TAR_LIMITS.nameBytes) throw tooLong(entry, "name", "nameBytes");
  if (linkname.length > TAR_LIMITS.nameBytes) throw tooLong(entry, "link target", "nameBytes");
  if (linkname.includes("\0")) throw invalid(entry, "linkname", textOf(linkname));
  if (entry.xattrs !== undefined) {
    for (const name of entry.xattrs.keys()) {
      if (name === "" || name.includes("=") || name.includes("\0")) throw invalid(entry, "extended attribute", name);
    }
  }
}

function isWithin(value: number, highest: number): boolean {
  return Number.isSafeInteger(value) && value >= 0 && value <= highest;
}

function shown(entry: TarEntry): string {
  const name = textOf(entry.path);
  return `"/${name.length > 200 ? `${name.slice(0, 200)}…` : name}"`;
}

function invalid(entry: TarEntry, field: string, value: unknown): OcibuildError {
  return new OcibuildError(
    "LAYER_INVALID",
    `${shown(entry)} cannot be written to a layer: ${field} is ${JSON.stringify(value)}`,
    { details: { path: textOf(entry.path) } },
  );
}

function tooLong(entry: TarEntry, what: string, limit: keyof typeof TAR_LIMITS): OcibuildError {
  return new OcibuildError(
    "TAR_LIMIT",
    `${shown(entry)} cannot be written to a layer: its ${what} is longer than ${TAR_LIMITS[limit]} bytes`,
    { details: { limit } },
  );
}
