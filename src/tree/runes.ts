/** UTF-8 in byte strings, read as Go reads it: a byte that starts no valid sequence is U+FFFD, one byte long. */

export const RUNE_ERROR = 0xfffd;

/** The code point at `at`, and in the bits above 24 how many bytes it takes: `rune + length * 2^24`. */
export function decodeRune(bytes: string, at: number): number {
  const first = bytes.charCodeAt(at);
  if (first < 0x80) return first + (1 << 24);
  const length = first >= 0xf0 && first < 0xf5 ? 4 : first >= 0xe0 ? 3 : 2;
  if (first < 0xc2 || first > 0xf4 || at + length > bytes.length) return RUNE_ERROR + (1 << 24);
  let rune = first & (0x7f >> length);
  for (let next = at + 1; next < at + length; next++) {
    const byte = bytes.charCodeAt(next);
    if ((byte & 0xc0) !== 0x80) return RUNE_ERROR + (1 << 24);
    rune = (rune << 6) | (byte & 0x3f);
  }
  const overlong = (length === 3 && rune < 0x800) || (length === 4 && rune < 0x10000);
  if (overlong || rune > 0x10ffff || (rune >= 0xd800 && rune < 0xe000)) return RUNE_ERROR + (1 << 24);
  return rune + length * (1 << 24);
}

/** The code points of `bytes`. */
export function runesOf(bytes: string): Uint32Array {
  const runes = new Uint32Array(bytes.length);
  let count = 0;
  for (let at = 0; at < bytes.length; ) {
    const decoded = decodeRune(bytes, at);
    runes[count++] = decoded & 0xffffff;
    at += decoded >>> 24;
  }
  return runes.subarray(0, count);
}
