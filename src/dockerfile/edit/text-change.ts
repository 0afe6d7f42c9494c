/** Replacements in a text, all addressed to the text as it was. */

/** `[start, end)` becomes `text`. */
export interface TextChange {
  readonly start: number;
  readonly end: number;
  readonly text: string;
}

/** `text` with all changes made; `undefined` when two of them overlap. Insertions at one place keep their order. */
export function applyChanges(text: string, changes: readonly TextChange[]): string | undefined {
  const sorted = [...changes].sort((a, b) => a.start - b.start || a.end - b.end);
  let result = "";
  let at = 0;
  for (const change of sorted) {
    if (change.start < at) return undefined;
    result += text.slice(at, change.start) + change.text;
    at = change.end;
  }
  return result + text.slice(at);
}
