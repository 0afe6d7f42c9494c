/** One logical line → one instruction: takes it apart, reads its heredocs, and hands it to the parser of its kind. */

import { nearestName } from "../util/suggest.js";
import { type Arguments, parseArguments } from "./arguments.js";
import type { Instruction, RejectedInstruction } from "./ast.js";
import type { DiagnosticList } from "./diagnostics.js";
import { readHeredocs } from "./heredocs.js";
import { type InstructionLine, splitInstruction } from "./instruction-line.js";
import { INSTRUCTIONS } from "./instructions/table.js";
import type { LineReader, NumberedLine } from "./line-reader.js";
import { trimSpace } from "./whitespace.js";

const WITH_HEREDOCS: ReadonlySet<string> = new Set(["ADD", "COPY", "RUN"]);

/**
 * The instruction on `numbered`; `undefined` when a problem was reported. Its heredocs are taken from `reader` either way.
 * `reject` gets what was read when the problem is in the instruction, not in the shape of its line.
 */
export function parseInstructionLine(
  numbered: NumberedLine,
  reader: LineReader,
  escapeChar: string,
  { fail, warn }: DiagnosticList,
  reject: (instruction: RejectedInstruction) => void = () => {},
): Instruction | undefined {
  const { line, docComment } = numbered;
  const parts = splitInstruction(line, 0, line.text.length, escapeChar);
  const kind = parts.keyword.value.toUpperCase();
  const parser = INSTRUCTIONS.get(kind);
  if (parser === undefined) {
    const name = parts.keyword.value;
    const near = nearestInstruction(name);
    const message = `unknown instruction: ${name}${near === undefined ? "" : ` (did you mean ${near}?)`}`;
    fail("unknown-instruction", message, parts.keyword.span, unknownHint(parts, near));
    reject({ span: numbered.span, keyword: parts.keyword, words: [], docComment });
    // A misspelt RUN must not make an error of every line of its heredoc.
    if (WITH_HEREDOCS.has(near?.toUpperCase() ?? "")) readHeredocs(line, reader, () => undefined);
    return undefined;
  }
  const args = parseArguments(kind, parts, escapeChar, fail);
  if (args === undefined) return undefined;
  const heredocs = takesHeredocs(kind, args) ? readHeredocs(line, reader, fail) : [];
  if (heredocs === undefined) return undefined;
  const end = heredocs[heredocs.length - 1]?.bodySpan.end ?? numbered.span.end;
  const span = { start: numbered.span.start, end };
  const { keyword, flags } = parts;
  const text = trimSpace(line.text);
  const instruction = parser({ span, keyword, flags, text, heredocs, docComment, args, fail, warn }, line.text);
  if (instruction === undefined) reject({ span, keyword, words: args.words, docComment });
  return instruction;
}

function takesHeredocs(kind: string, args: Arguments): boolean {
  if (args.trigger !== undefined) return takesHeredocs(args.trigger.kind, args.trigger.args);
  return WITH_HEREDOCS.has(kind) && args.form === "text";
}

/** In the case that the user writes in. */
function nearestInstruction(name: string): string | undefined {
  const near = nearestName(name.toUpperCase(), INSTRUCTIONS.keys());
  return name === name.toUpperCase() ? near : near?.toLowerCase();
}

function unknownHint({ keyword, line, rest }: InstructionLine, near: string | undefined): string {
  const { value } = keyword;
  if (near !== undefined) return `write ${near} instead of ${value}`;
  if (/^[<{]|^---$|:$/.test(value)) return "this does not look like a Dockerfile";
  const equals = line.text[rest.start] === "=" || value.includes("=");
  if (equals) return `variables are set by ENV or ARG: ENV ${value}`;
  return "if this line continues the one above, end that one with \\; if it is a command, put RUN before it";
}
