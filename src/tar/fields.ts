/** The fixed fields of a header block: NUL-terminated names, octal and base-256 numbers, the checksum. */
import type { ByteString } from "../util/bytes.js";

/** The bytes at `at` up to a NUL, at most `length`. */
export function readName(block: Buffer, at: number, length: number): ByteString {
  let end = at;
  while (end < at + length && block[end] !== 0) end++;
  return block.toString("latin1", at, end) as ByteString;
}

/**
 * The number in a field: octal digits between spaces and NULs (nothing is 0), or base-256 in two's complement when the
 * first bit is set. `undefined` when it is neither, or does not fit 53 bits.
 */
export function readNumber(block: Buffer, at: number, length: number): number | undefined {
  const end = at + length;
  if (((block[at] as number) & 0x80) !== 0) return readBase256(block, at, end);
  let i = at;
  while (i < end && isBlank(block[i] as number)) i++;
  let value = 0;
  for (; i < end; i++) {
    const digit = (block[i] as number) - 0x30;
    if (digit < 0 || digit > 7) break;
    value = value * 8 + digit;
  }
  if (i < end && block[i] === 0) return value;
  while (i < end && block[i] === 0x20) i++;
  return i === end || block[i] === 0 ? value : undefined;
}

function isBlank(byte: number): boolean {
  return byte === 0x20 || byte === 0;
}

function readBase256(block: Buffer, at: number, end: number): number | undefined {
  const first = block[at] as number;
  const isNegative = (first & 0x40) !== 0;
  const inversion = isNegative ? 0xff : 0;
  let value = (first ^ inversion) & 0x3f;
  for (let i = at + 1; i < end; i++) value = value * 256 + ((block[i] as number) ^ inversion);
  if (value >= Number.MAX_SAFE_INTEGER) return undefined;
  return isNegative ? -value - 1 : value;
}

/** Whether the block's checksum is right, by unsigned bytes or, as some old writers had it, by signed ones. */
export function hasValidChecksum(block: Buffer, at: number): boolean {
  const stored = readNumber(block, at + 148, 8);
  let unsigned = 8 * 0x20;
  let high = 0;
  for (let i = at; i < at + 512; i++) {
    if (i === at + 148) i = at + 156;
    const byte = block[i] as number;
    unsigned += byte;
    high += byte >> 7;
  }
  return stored === unsigned || stored === unsigned - 256 * high;
}

/** Whether all of `length` bytes at `at` are zero. */
export function isZero(block: Buffer, at: number, length: number): boolean {
  for (let i = at; i < at + length; i++) if (block[i] !== 0) return false;
  return true;
}
