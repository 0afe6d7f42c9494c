/** Blanks as BuildKit's parser sees them: two notions, and neither is that of JavaScript's `trim` and `\s`. */

/** True for Unicode White_Space, which trims lines and ends words. U+FEFF is not in it, U+0085 is. */
export function isSpace(code: number): boolean {
  if (code <= 0x20) return code === 0x20 || (code >= 9 && code <= 13);
  if (code < 0x85) return false;
  if (code === 0x85 || code === 0xa0) return true;
  if (code < 0x1680) return false;
  return (
    code === 0x1680 ||
    (code >= 0x2000 && code <= 0x200a) ||
    code === 0x2028 ||
    code === 0x2029 ||
    code === 0x202f ||
    code === 0x205f ||
    code === 0x3000
  );
}

/** True for the ASCII blanks that separate a keyword from its arguments, and the arguments of FROM, COPY or EXPOSE. */
export function isBlank(code: number): boolean {
  return code === 0x20 || code === 9 || (code >= 11 && code <= 13);
}

/** First offset in `[start, end)` that is no space, else `end`. */
export function skipSpace(text: string, start: number, end: number = text.length): number {
  while (start < end && isSpace(text.charCodeAt(start))) start++;
  return start;
}

/** End of `[start, end)` without trailing spaces, at least `start`. */
export function trimSpaceEnd(text: string, start: number, end: number): number {
  while (end > start && isSpace(text.charCodeAt(end - 1))) end--;
  return end;
}

/** `text` without spaces at both ends. */
export function trimSpace(text: string): string {
  const start = skipSpace(text, 0);
  return text.slice(start, trimSpaceEnd(text, start, text.length));
}
