/**
 * Dockerfile text → `Dockerfile`: directives, logical lines, instructions, stages.
 *
 * Nothing throws on bad text. Each instruction reports at most one error and is then left out of the tree.
 */
import type { Diagnostic, Span } from "../errors.js";
import { type SourceText, sourceText } from "../util/source-text.js";
import type {
  ArgInstruction,
  Dockerfile,
  FromInstruction,
  Instruction,
  RejectedInstruction,
  Stage,
  StageInstruction,
} from "./ast.js";
import { createDiagnosticList, type DiagnosticList } from "./diagnostics.js";
import { parseDirectives } from "./directives.js";
import { docCommentOf } from "./instructions/request.js";
import { createLineReader } from "./line-reader.js";
import { parseInstructionLine } from "./parse-instruction-line.js";
import { lineCount, physicalLine } from "./physical-line.js";

export interface ParseLimits {
  /** UTF-8 bytes of the whole text. Default 8 MiB. */
  readonly maxFileBytes?: number;
  /** UTF-8 bytes of an instruction with its continuations joined, without heredocs. Default 64 KiB - 1, as BuildKit. */
  readonly maxLineBytes?: number;
  /** Default 10,000. */
  readonly maxInstructions?: number;
}

const MAX_FILE_BYTES = 8 * 1024 * 1024;
/** Of an instruction without heredocs, unless `ParseLimits` says otherwise. */
export const MAX_LINE_BYTES: number = 64 * 1024 - 1;
const MAX_INSTRUCTIONS = 10_000;

/** What `parseInstruction` found. */
export interface ParsedInstruction {
  readonly source: SourceText;
  readonly instruction: StageInstruction | undefined;
  readonly diagnostics: readonly Diagnostic[];
}

/** Reads a whole Dockerfile. Never throws; what is wrong is in `diagnostics`, in the order of the text. */
export function parseDockerfile(
  input: SourceText | { readonly name: string; readonly text: string },
  limits: ParseLimits = {},
): Dockerfile {
  const source = "lineStarts" in input ? input : sourceText(input.name, input.text);
  const diagnostics = createDiagnosticList();
  const instructions: Instruction[] = [];
  const rejected: RejectedInstruction[] = [];
  const directives = fits(source, limits, diagnostics) ? parseDirectives(source, diagnostics.fail) : undefined;
  if (directives === undefined) {
    return {
      source,
      directives: [],
      escape: "\\",
      globalArgs: [],
      stages: [],
      rejected: [],
      comments: [],
      diagnostics: diagnostics.all,
    };
  }
  const reader = createLineReader(source, directives, limits.maxLineBytes ?? MAX_LINE_BYTES, diagnostics);
  const maxInstructions = limits.maxInstructions ?? MAX_INSTRUCTIONS;
  let count = 0;
  for (let line = reader.next(); line !== undefined; line = reader.next()) {
    if (++count > maxInstructions) {
      diagnostics.fail("too-many-instructions", `more than ${maxInstructions} instructions`, line.span);
      break;
    }
    const reject = (each: RejectedInstruction): void => void rejected.push(each);
    const instruction = parseInstructionLine(line, reader, directives.escape, diagnostics, reject);
    if (instruction !== undefined) instructions.push(instruction);
  }
  const { globalArgs, stages } = splitStages(instructions, diagnostics);
  if (!diagnostics.all.some((diagnostic) => diagnostic.severity === "error")) {
    reportNothing(source, count, stages, diagnostics);
  }
  return {
    source,
    directives: directives.all,
    escape: directives.escape,
    globalArgs,
    stages,
    rejected,
    comments: reader.comments,
    diagnostics: diagnostics.all,
  };
}

/**
 * Reads one instruction that stands alone, as an ONBUILD trigger in an image config does. Spans point into
 * `source`. Never throws.
 */
export function parseInstruction(name: string, text: string, limits: ParseLimits = {}): ParsedInstruction {
  const source = sourceText(name, text);
  const diagnostics = createDiagnosticList();
  const done = (instruction?: StageInstruction): ParsedInstruction => ({
    source,
    instruction: diagnostics.all.some((diagnostic) => diagnostic.severity === "error") ? undefined : instruction,
    diagnostics: diagnostics.all,
  });
  if (!fits(source, limits, diagnostics)) return done();
  const directives = parseDirectives(source, diagnostics.fail);
  const reader = createLineReader(source, directives, limits.maxLineBytes ?? MAX_LINE_BYTES, diagnostics);
  const line = reader.next();
  const instruction = line && parseInstructionLine(line, reader, directives.escape, diagnostics);
  const more = reader.next();
  if (line === undefined || more !== undefined) {
    const span = more?.span ?? { start: 0, end: text.length };
    diagnostics.fail("not-one-instruction", "onbuild trigger should be a single expression", span);
  } else if (instruction?.kind === "FROM") {
    diagnostics.fail("onbuild-forbidden", "FROM isn't allowed as an ONBUILD trigger", instruction.keyword.span);
  } else {
    return done(instruction);
  }
  return done();
}

function fits(source: SourceText, limits: ParseLimits, { fail }: DiagnosticList): boolean {
  const { text } = source;
  const limit = limits.maxFileBytes ?? MAX_FILE_BYTES;
  if (text.length * 3 <= limit || (text.length <= limit && Buffer.byteLength(text) <= limit)) return true;
  fail("file-too-large", `the Dockerfile is larger than ${limit} bytes`, { start: 0, end: 0 });
  return false;
}

function splitStages(
  instructions: readonly Instruction[],
  { fail }: DiagnosticList,
): { globalArgs: ArgInstruction[]; stages: Stage[] } {
  const globalArgs: ArgInstruction[] = [];
  const stages: (Stage & { readonly instructions: StageInstruction[] })[] = [];
  let orphan: StageInstruction | undefined;
  for (const instruction of instructions) {
    if (instruction.kind === "FROM") {
      stages.push(stageOf(stages.length, instruction));
    } else if (stages.length > 0) {
      stages[stages.length - 1]!.instructions.push(instruction);
    } else if (instruction.kind === "ARG") {
      globalArgs.push(instruction);
    } else {
      orphan ??= instruction;
    }
  }
  if (orphan !== undefined) {
    fail(
      "no-stage",
      "no build stage in current context",
      orphan.span,
      "a Dockerfile begins with FROM; only ARG, comments and directives may stand before it",
    );
  }
  return { globalArgs, stages };
}

function stageOf(index: number, from: FromInstruction): Stage & { readonly instructions: StageInstruction[] } {
  const name = from.as?.value.toLowerCase();
  return { index, name, docComment: docCommentOf(from.docComment, name ?? ""), from, instructions: [] };
}

function reportNothing(source: SourceText, count: number, stages: readonly Stage[], { fail }: DiagnosticList): void {
  const { length } = source.text;
  const hint = "a Dockerfile needs at least FROM and an image";
  if (length === 0) fail("empty-file", "the Dockerfile cannot be empty", { start: 0, end: 0 }, hint);
  else if (count === 0) fail("no-instructions", "file with no instructions", lastLine(source), hint);
  else if (stages.length === 0) fail("no-stages", "dockerfile contains no stages to build", lastLine(source), hint);
}

function lastLine(source: SourceText): Span {
  return physicalLine(source, lineCount(source) - 1);
}
