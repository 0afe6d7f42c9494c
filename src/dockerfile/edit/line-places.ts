/** Where lines can be added to a file, and which lines belong to what. Every line of `text` ends in a newline. */
import type { Span } from "../../errors.js";
import { positionAt, type SourceText, sourceText } from "../../util/source-text.js";
import type { Dockerfile } from "../ast.js";
import { endOfLine, physicalLine } from "../physical-line.js";

export interface LinePlaces {
  /** The file's text, with a newline at the end of its last line. */
  readonly text: string;
  /** Offset of the line at which `span` starts; with `comments`, of the first of the comment lines right above. */
  lineStart(span: Span, comments: boolean): number;
  /** Offset after the line at which `span` ends. */
  lineEnd(span: Span): number;
  /** What follows `span` on its last line, blanks trimmed: the escape character where the file ends in a continuation. */
  restOfLine(span: Span): string;
  /** Offset of the first line that is no directive. */
  readonly belowDirectives: number;
}

/** Offsets are those of `dockerfile`'s source. */
export function linePlaces(dockerfile: Dockerfile, newline: string): LinePlaces {
  const { name, text } = dockerfile.source;
  const isComplete = text === "" || text.endsWith("\n");
  const source = isComplete ? dockerfile.source : sourceText(name, text + newline);
  const lineOf = (offset: number): number => positionAt(source, offset).line - 1;
  const top = topLines(dockerfile, source);
  const commentLines = new Set(dockerfile.comments.map(({ span }) => lineOf(span.start)));
  return {
    text: source.text,
    lineStart(span, comments) {
      let line = lineOf(span.start);
      while (comments && line > top && commentLines.has(line - 1)) line--;
      return physicalLine(source, line).start;
    },
    lineEnd: (span) => endOfLine(source, lineOf(span.end)),
    restOfLine: (span) => source.text.slice(span.end, endOfLine(source, lineOf(span.end))).trim(),
    belowDirectives: physicalLine(source, top).start,
  };
}

/** Number of lines that directives and `#!` take. */
function topLines({ directives }: Dockerfile, source: SourceText): number {
  const last = directives[directives.length - 1];
  if (last !== undefined) return positionAt(source, last.span.start).line;
  return source.text.startsWith("#!", physicalLine(source, 0).start) ? 1 : 0;
}
