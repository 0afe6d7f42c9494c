/** Parser directives: `# syntax=…`, `# escape=…` and `# check=…` at the very top of a Dockerfile. */
import type { Span } from "../errors.js";
import type { SourceText } from "../util/source-text.js";
import type { Directive } from "./ast.js";
import type { Fail } from "./diagnostics.js";
import { physicalLine } from "./physical-line.js";
import { skipSpace } from "./whitespace.js";

export interface Directives {
  readonly all: readonly Directive[];
  readonly escape: "\\" | "`";
  /** Number of lines they take, counted from the top. */
  readonly lineCount: number;
}

const NAMES: ReadonlySet<string> = new Set(["syntax", "escape", "check"]);

/** Reads directives until the first line that is none. After a `#!` line, `syntax` and `check` count, `escape` does not. */
export function parseDirectives(source: SourceText, fail: Fail): Directives {
  const all: Directive[] = [];
  const seen = new Set<string>();
  let escapeChar: "\\" | "`" = "\\";
  const first = physicalLine(source, 0);
  const shebang = source.text.startsWith("#!", first.start);
  let index = shebang ? 1 : 0;
  for (; index < source.lineStarts.length; index++) {
    const directive = parseDirective(source, index);
    if (directive === undefined) break;
    if (shebang) {
      if (directive.name !== "escape" && !seen.has(directive.name)) all.push(directive);
    } else if (seen.has(directive.name)) {
      fail(
        "directive-duplicate",
        `only one ${directive.name} parser directive can be used`,
        directive.span,
        "remove one of the two lines",
      );
    } else {
      if (directive.name !== "escape") all.push(directive);
      else if (directive.value === "\\" || directive.value === "`") {
        escapeChar = directive.value;
        all.push(directive);
      } else {
        fail(
          "escape-invalid",
          `invalid escape token '${directive.value}' does not match \` or \\`,
          directive.span,
          "write # escape=` or # escape=\\ (or leave the line out: \\ is the default)",
        );
      }
    }
    seen.add(directive.name);
  }
  return { all, escape: escapeChar, lineCount: shebang ? 0 : index };
}

function parseDirective(source: SourceText, index: number): Directive | undefined {
  const { start, end } = physicalLine(source, index);
  const hash = skipSpace(source.text, start, end);
  if (source.text[hash] !== "#") return undefined;
  const line = source.text.slice(skipSpace(source.text, hash + 1, end), end);
  const match = /^([a-zA-Z][a-zA-Z0-9]*)[\t\n\f\r ]*=/.exec(line);
  if (match === null) return undefined;
  const name = match[1]!.toLowerCase();
  const rest = line.slice(match[0].length);
  if (!NAMES.has(name) || rest === "") return undefined;
  const span: Span = { start: hash, end };
  // A value of nothing but blanks is its last blank: the pattern that BuildKit uses wants one character.
  return { name, value: trimAscii(rest) || rest.slice(-1), span };
}

function trimAscii(text: string): string {
  const blank = "\t\n\f\r ";
  let start = 0;
  let end = text.length;
  while (start < end && blank.includes(text[start]!)) start++;
  while (end > start && blank.includes(text[end - 1]!)) end--;
  return text.slice(start, end);
}
