/**
 * Text from elsewhere (Dockerfiles, file names, registries, commands) made harmless for a terminal and a CI log: no
 * control characters, no escape sequences, no commands of CI systems (threat L6). And how wide it is on a screen.
 */

// C0 except newline and tab, DEL, C1, and the Unicode controls that reorder or break lines.
const CONTROLS = /[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/;
const EVERY_CONTROL = new RegExp(CONTROLS, "g");

// Sequences in 7-bit form (ESC and a letter) and in 8-bit form. Their contents hold no further introducer, so that a
// text is looked at once, whatever is in it.
const CSI = /^(?:\x1b\[|\x9b)[\x30-\x3f]*[\x20-\x2f]*[\x40-\x7e]/;
const STRING = /^(?:\x1b[\]PX^_]|[\x90\x98\x9d\x9e\x9f])[^\x07\n\x1b\x80-\x9f]*(?:\x07|\x9c|\x1b\\)/;
const STRING_START = /^\x1b[\]PX^_]/;
const OTHER_ESCAPE = /^\x1b[\x20-\x2f]*[\x30-\x4f\x51-\x57\x59\x5a\x5c\x60-\x7e]/;
const INTRODUCER = /[\x1b\x90\x98\x9b\x9d-\x9f]/g;

// `::command::` at the start of a line (GitHub), `##[command]` and `##vso[…]` anywhere (GitHub, Azure, TeamCity).
const CI_COMMAND = /^([^\S\n]*):(?=:)/gm;
const CI_BRACKET = /##(?=[a-z]*\[)/gi;

/** Longest sequence that is looked for; what claims to be longer is shown as text. */
const MAX_SEQUENCE = 4096;

/** `text` without controls other than newline and tab; what is printable stays. */
export function safeText(text: string): string {
  const plain = CONTROLS.test(text) ? withoutSequences(text).replace(EVERY_CONTROL, "") : text;
  return plain.replace(CI_COMMAND, "$1: ").replace(CI_BRACKET, "# #");
}

/** `safeText` in one line: what was broken or indented is joined by single spaces. */
export function safeLine(text: string): string {
  const lines = safeText(text).replaceAll("\t", " ").split("\n");
  return lines
    .map((line) => line.trim())
    .filter((line) => line !== "")
    .join(" ");
}

/** Drops escape sequences as wholes, so that their parameters do not stay behind as text. */
function withoutSequences(text: string): string {
  let kept = "";
  let from = 0;
  INTRODUCER.lastIndex = 0;
  for (let match = INTRODUCER.exec(text); match !== null; match = INTRODUCER.exec(text)) {
    const length = sequenceLength(text.slice(match.index, match.index + MAX_SEQUENCE));
    kept += text.slice(from, match.index);
    from = match.index + length;
    INTRODUCER.lastIndex = from;
  }
  return kept + text.slice(from);
}

/** At least 1: an introducer that introduces nothing goes alone, and hides nothing that comes after it. */
function sequenceLength(text: string): number {
  const sequence = CSI.exec(text) ?? STRING.exec(text) ?? STRING_START.exec(text) ?? OTHER_ESCAPE.exec(text);
  return sequence === null ? 1 : sequence[0].length;
}

const ASCII = /^[\x20-\x7e]*$/;
const ZERO_WIDTH = /^[\p{Mn}\p{Me}\p{Cf}]$/u;

/** Columns that `text` takes on a terminal; it holds no controls. */
export function displayWidth(text: string): number {
  if (ASCII.test(text)) return text.length;
  let width = 0;
  for (const character of text) width += characterWidth(character);
  return width;
}

/** `text` in at most `columns` columns, with `…` where something is missing. */
export function truncated(text: string, columns: number): string {
  if (displayWidth(text) <= columns) return text;
  if (columns < 1) return "";
  let kept = "";
  let width = 0;
  for (const character of text) {
    width += characterWidth(character);
    if (width > columns - 1) break;
    kept += character;
  }
  return `${kept}…`;
}

function characterWidth(character: string): number {
  const code = character.codePointAt(0)!;
  if (code < 0x300) return 1;
  if (ZERO_WIDTH.test(character)) return 0;
  return isWide(code) ? 2 : 1;
}

/** East Asian wide and full-width forms, and the emoji blocks. */
function isWide(code: number): boolean {
  return (
    (code >= 0x1100 && code <= 0x115f) ||
    (code >= 0x2e80 && code <= 0xa4cf && code !== 0x303f) ||
    (code >= 0xac00 && code <= 0xd7a3) ||
    (code >= 0xf900 && code <= 0xfaff) ||
    (code >= 0xfe30 && code <= 0xfe6f) ||
    (code >= 0xff00 && code <= 0xff60) ||
    (code >= 0xffe0 && code <= 0xffe6) ||
    (code >= 0x1f300 && code <= 0x1f64f) ||
    (code >= 0x1f680 && code <= 0x1f6ff) ||
    (code >= 0x1f900 && code <= 0x1f9ff) ||
    (code >= 0x20000 && code <= 0x3fffd)
  );
}
