/** Places in a Dockerfile in the form that BuildKit's answers have. */
import type { LineRange, SourceText } from "../../util/source-text.js";

/** A finding in more lines than this has one range for all of them. */
const MAX_RANGES = 1000;

export interface JsonLocation {
  readonly ranges: readonly { readonly start: { readonly line: number }; readonly end: { readonly line: number } }[];
}

/** One range for each line. */
export function jsonLocation({ first, last }: LineRange): JsonLocation {
  const count = last - first + 1;
  if (count > MAX_RANGES) return { ranges: [{ start: { line: first }, end: { line: last } }] };
  const lines = Array.from({ length: count }, (_, index) => first + index);
  return { ranges: lines.map((line) => ({ start: { line }, end: { line } })) };
}

/** The text in base64. */
export function jsonData({ text }: SourceText): string {
  return Buffer.from(text).toString("base64");
}
