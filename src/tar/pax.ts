/**
 * PAX extended header records, `"%d %s=%s\n"`, as bytes: keys and values are byte strings, so that xattr values and names
 * that are not UTF-8 pass unchanged. @spec POSIX.1-2017 pax, "pax Extended Header"
 */
import { isUtf8 } from "node:buffer";
import { type ByteString, bufferOf, compareBytes } from "../util/bytes.js";
import type { TarEntry } from "./entry.js";

/** How GNU tar, Go and containerd name an extended attribute: this and the attribute's name; the value is raw. */
export const XATTR_PREFIX = "SCHILY.xattr.";

/** Highest numbers that the octal fields of a ustar header hold. */
export const MAX_ID = 0o7777777;
export const MAX_OCTAL_12 = 0o77777777777;

export type PaxRecords = ReadonlyMap<ByteString, ByteString>;

const NON_ASCII = /[^\x00-\x7f]/;

/** One record, its length first. */
export function formatPaxRecord(key: string, value: string): ByteString {
  const rest = key.length + value.length + 3;
  let length = rest + String(rest).length;
  if (String(length).length + rest !== length) length = rest + String(length).length;
  return `${length} ${key}=${value}\n` as ByteString;
}

/**
 * Whether `name` must stand in a record. Names that fit a ustar header and are not UTF-8 stay there alone: the standard
 * says a record is UTF-8, and some readers replace what is not.
 */
export function needsPaxName(name: ByteString, fitsUstar: boolean): boolean {
  return !fitsUstar || (NON_ASCII.test(name) && isUtf8(bufferOf(name)));
}

/** The records that `entry` needs beside its ustar header, sorted by key; empty for almost every entry. */
export function formatPaxRecords(
  entry: TarEntry,
  path: ByteString | undefined,
  linkpath: ByteString | undefined,
): string {
  const { xattrs } = entry;
  let records = "";
  if (xattrs !== undefined && xattrs.size > 0) {
    const names = [...xattrs.keys()].sort(compareBytes);
    for (const name of names) {
      records += formatPaxRecord(XATTR_PREFIX + name, (xattrs.get(name) as Buffer).toString("latin1"));
    }
  }
  if (entry.gid > MAX_ID) records += formatPaxRecord("gid", String(entry.gid));
  if (linkpath !== undefined) records += formatPaxRecord("linkpath", linkpath);
  if (needsPaxTime(entry)) records += formatPaxRecord("mtime", formatPaxTime(entry.mtimeSeconds, entry.mtimeNanos));
  if (path !== undefined) records += formatPaxRecord("path", path);
  if (entry.size > MAX_OCTAL_12) records += formatPaxRecord("size", String(entry.size));
  if (entry.uid > MAX_ID) records += formatPaxRecord("uid", String(entry.uid));
  return records;
}

function needsPaxTime(entry: TarEntry): boolean {
  return entry.mtimeNanos !== 0 || entry.mtimeSeconds < 0 || entry.mtimeSeconds > MAX_OCTAL_12;
}

/** Decimal seconds without trailing zeros. Below zero the fraction counts downwards: −2 s + 750,000,000 ns is `-1.25`. */
export function formatPaxTime(seconds: number, nanos: number): string {
  if (nanos === 0) return String(seconds);
  const sign = seconds < 0 ? "-" : "";
  const whole = seconds < 0 ? -(seconds + 1) : seconds;
  const fraction = seconds < 0 ? 1_000_000_000 - nanos : nanos;
  return `${sign}${whole}.${String(fraction).padStart(9, "0").replace(/0+$/, "")}`;
}

const PAX_TIME = /^(-?)([0-9]{1,16})(?:\.([0-9]*))?$/;

/** Seconds (rounded down) and nanoseconds (digits beyond the ninth are cut), or `undefined` when it is not a time. */
export function parsePaxTime(text: string): { seconds: number; nanos: number } | undefined {
  const match = PAX_TIME.exec(text);
  if (match === null) return undefined;
  const whole = Number(match[2]);
  const fraction = Number((match[3] ?? "").slice(0, 9).padEnd(9, "0"));
  if (!Number.isSafeInteger(whole)) return undefined;
  if (match[1] !== "-") return { seconds: whole, nanos: fraction };
  if (fraction === 0) return { seconds: whole === 0 ? 0 : -whole, nanos: 0 };
  return { seconds: -whole - 1, nanos: 1_000_000_000 - fraction };
}

const PAX_NUMBER = /^[0-9]{1,16}$/;

/** A whole number from 0 to 2^53 − 1, or `undefined`. */
export function parsePaxNumber(text: string): number | undefined {
  const value = PAX_NUMBER.test(text) ? Number(text) : Number.NaN;
  return Number.isSafeInteger(value) ? value : undefined;
}

/** The records in `block`, the last one winning where a key comes twice; a sentence about the fault when malformed. */
export function parsePaxRecords(block: Buffer): PaxRecords | string {
  const records = new Map<ByteString, ByteString>();
  let at = 0;
  while (at < block.length) {
    const space = block.indexOf(0x20, at);
    if (space < 0 || space - at > 8 || space === at) return "an extended header record has no length";
    const length = parsePaxNumber(block.toString("latin1", at, space));
    if (length === undefined) return "the length of an extended header record is not a number";
    const end = at + length;
    if (end > block.length || end - 1 <= space) return "an extended header record is longer than its header";
    if (block[end - 1] !== 0x0a) return "an extended header record does not end in a newline";
    const equals = block.indexOf(0x3d, space);
    if (equals < 0 || equals >= end || equals === space + 1) return "an extended header record has no key";
    records.set(
      block.toString("latin1", space + 1, equals) as ByteString,
      block.toString("latin1", equals + 1, end - 1) as ByteString,
    );
    at = end;
  }
  return records;
}
