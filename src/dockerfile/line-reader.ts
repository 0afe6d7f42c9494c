/**
 * Text → logical lines: joins continuations, skips comments, and hands out heredoc bodies.
 *
 * One pass over the file; every line is looked at a constant number of times (threat C1).
 */
import type { Span } from "../errors.js";
import type { SourceText } from "../util/source-text.js";
import type { Comment } from "./ast.js";
import type { DiagnosticList } from "./diagnostics.js";
import type { Directives } from "./directives.js";
import { ruleNamed } from "./lint/rules.js";
import { type LogicalLine, spanIn } from "./logical-line.js";
import { endOfLine, lineCount, physicalLine } from "./physical-line.js";
import { skipSpace, trimSpace, trimSpaceEnd } from "./whitespace.js";

/** An instruction's line and what stands above it. */
export interface NumberedLine {
  readonly line: LogicalLine;
  /** Without the blanks around it. */
  readonly span: Span;
  readonly docComment: readonly string[];
}

/** A heredoc's lines. */
export interface HeredocBody {
  readonly content: string;
  readonly span: Span;
  /** False when the file ended first. */
  readonly terminated: boolean;
}

export interface LineReader {
  /** All comments met so far, in order. */
  readonly comments: readonly Comment[];
  /** The next logical line that holds anything. */
  next(): NumberedLine | undefined;
  /** Takes lines up to `delimiter`; tabs before it are allowed with `chomp`. */
  readHeredoc(delimiter: string, chomp: boolean): HeredocBody;
}

/** Reads `source` from below its directives. Logical lines of more than `maxLineBytes` are reported and left out. */
export function createLineReader(
  source: SourceText,
  directives: Directives,
  maxLineBytes: number,
  diagnostics: DiagnosticList,
): LineReader {
  const { text } = source;
  const { escape: escapeChar } = directives;
  const count = lineCount(source);
  const comments: Comment[] = [];
  let index = directives.lineCount;
  let docComment: string[] = [];

  function takeComment(hash: number, end: number): void {
    comments.push({ text: trimSpace(text.slice(hash + 1, end)), span: { start: hash, end } });
  }

  /** Joins the line at `start` with those that follow it; `undefined` when it is too long. */
  function join(start: number, end: number): LogicalLine | undefined {
    const pieces = [{ at: 0, offset: start }];
    const parts: string[] = [];
    let length = 0;
    let emptyLine: number | undefined;
    let cut = continuationCut(text, start, end, escapeChar);
    const add = (from: number, to: number): void => {
      if (length <= maxLineBytes) parts.push(text.slice(from, to));
      length += to - from;
    };
    add(start, cut ?? end);
    while (cut !== undefined && index < count) {
      const next = physicalLine(source, index++);
      const first = skipSpace(text, next.start, next.end);
      if (text[first] === "#" && first < next.end) {
        takeComment(first, next.end);
      } else if (first === next.end) {
        emptyLine ??= index;
      } else {
        cut = continuationCut(text, next.start, next.end, escapeChar);
        const to = cut ?? next.end;
        if (to > next.start && length <= maxLineBytes) pieces.push({ at: length, offset: next.start });
        add(next.start, to);
      }
    }
    const last = physicalLine(source, index - 1);
    if (length <= maxLineBytes) {
      const joined = parts.length === 1 ? parts[0]! : parts.join("");
      // UTF-8 takes at most three bytes for one UTF-16 unit.
      if (length * 3 <= maxLineBytes || Buffer.byteLength(joined) <= maxLineBytes) {
        if (emptyLine !== undefined) warnEmpty(emptyLine, last);
        return { text: joined, pieces };
      }
    }
    diagnostics.fail(
      "line-too-long",
      `dockerfile line greater than max allowed size of ${maxLineBytes}`,
      { start, end: last.end },
      "split the instruction in two, or put the text into a heredoc or a file",
    );
    return undefined;
  }

  function warnEmpty(emptyLine: number, last: Span): void {
    const { message } = ruleNamed("NoEmptyContinuation");
    const hint = `remove line ${emptyLine}, or begin it with #: a continued instruction must not hold empty lines`;
    diagnostics.warn("NoEmptyContinuation", message(), last, hint);
  }

  return {
    comments,
    next() {
      while (index < count) {
        const { start: lineStart, end } = physicalLine(source, index++);
        const start = skipSpace(text, lineStart, end);
        if (start === end) continue;
        if (text[start] === "#") {
          // The second character of the line on, as BuildKit takes it: an indented comment keeps its #.
          const comment = trimSpace(text.slice(lineStart + 1, end));
          takeComment(start, end);
          if (comment === "") docComment = [];
          else docComment.push(comment);
          continue;
        }
        const line = join(start, end);
        const above = docComment;
        docComment = [];
        if (line === undefined) continue;
        const trimmedEnd = trimSpaceEnd(line.text, 0, line.text.length);
        const from = skipSpace(line.text, 0, trimmedEnd);
        return { line, span: spanIn(line, from, trimmedEnd), docComment: above };
      }
      return undefined;
    },
    readHeredoc(delimiter, chomp) {
      const from = index < count ? source.lineStarts[index]! : text.length;
      while (index < count) {
        const lineStart = source.lineStarts[index]!;
        const { start, end } = physicalLine(source, index);
        let first = start;
        while (chomp && text.charCodeAt(first) === 9 && first < end) first++;
        const found = end - first === delimiter.length && text.startsWith(delimiter, first);
        index++;
        if (found) return { content: text.slice(from, lineStart), span: { start: from, end }, terminated: true };
      }
      const end = index > 0 ? Math.max(from, endOfLine(source, index - 1)) : from;
      return { content: text.slice(from, end), span: { start: from, end }, terminated: false };
    },
  };
}

/** Where to cut a line that goes on below: before the escape at its end. `undefined` when the line is the last one. */
function continuationCut(text: string, start: number, end: number, escapeChar: string): number | undefined {
  while (end > start && (text[end - 1] === " " || text[end - 1] === "\t")) end--;
  if (end === start || text[end - 1] !== escapeChar) return undefined;
  return end - 1 > start && text[end - 2] === escapeChar ? undefined : end - 1;
}
