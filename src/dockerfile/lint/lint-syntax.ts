/** Checks that need the text alone: comments, keywords, names of stages. */
import type { Dockerfile, FromInstruction, Instruction, RejectedInstruction, Word } from "../ast.js";
import type { Linter } from "./linter.js";

/** Errors that BuildKit finds when the lines and the instructions by themselves are in order. */
const FOUND_LATER: ReadonlySet<string> = new Set(["no-stage", "no-stages"]);

/** Names that FROM and COPY --from understand in their own way. */
const RESERVED: ReadonlySet<string> = new Set(["scratch", "context"]);

/**
 * Reports what there is to say about the text. Of a Dockerfile with errors, only what stands above the first one: BuildKit
 * stops there, and before everything else when a line cannot be taken apart.
 */
export function lintSyntax(dockerfile: Dockerfile, linter: Linter): void {
  const { diagnostics, rejected } = dockerfile;
  const errors = diagnostics.filter(({ severity }) => severity === "error");
  // Each rejected instruction has exactly one error.
  const isOutOfShape = errors.filter(({ code }) => !FOUND_LATER.has(code)).length > rejected.length;
  if (isOutOfShape) return;
  for (const { code, span } of diagnostics) {
    if (code === "NoEmptyContinuation") linter.report(code, span);
  }
  const end = errors.reduce((least, { span }) => Math.min(least, span.start), Number.POSITIVE_INFINITY);
  for (const instruction of instructionsOf(dockerfile)) {
    if (instruction.span.start > end) break;
    lintInstruction(instruction, linter.within(instruction.docComment));
  }
  for (const instruction of rejected.slice(0, 1)) {
    if (instruction.span.start <= end) lintRejected(instruction, linter.within(instruction.docComment));
  }
  if (errors.length > 0) return;
  lintStageNames(dockerfile, linter);
  lintKeywordCasing(dockerfile, linter);
}

/** In the order of the text. */
function instructionsOf({ globalArgs, stages }: Dockerfile): Instruction[] {
  const inStages = stages.flatMap((stage): Instruction[] => [stage.from, ...stage.instructions]);
  return [...globalArgs, ...inStages];
}

function lintInstruction(instruction: Instruction, linter: Linter): void {
  switch (instruction.kind) {
    case "MAINTAINER":
      linter.report("MaintainerDeprecated", instruction.span);
      break;
    case "FROM": {
      const { keyword, asKeyword, as, span } = instruction;
      lintFromWords(span, keyword, asKeyword, as, linter);
      if (as !== undefined) lintDescription(instruction, "FROM", [as.value.toLowerCase()], linter);
      break;
    }
    case "ARG": {
      const names = instruction.args.map(({ name }) => name.value);
      lintDescription(instruction, "ARG", names, linter);
      break;
    }
    default:
  }
}

/** BuildKit says these before it finds the error. */
function lintRejected({ span, keyword, words }: RejectedInstruction, linter: Linter): void {
  const kind = keyword.value.toUpperCase();
  if (kind === "MAINTAINER") linter.report("MaintainerDeprecated", span);
  if (kind !== "FROM" || words.length < 3) return;
  lintFromWords(span, keyword, words[1], words.length === 3 ? words[2] : undefined, linter);
}

function lintFromWords(
  span: FromInstruction["span"],
  from: Word,
  as: Word | undefined,
  name: Word | undefined,
  linter: Linter,
): void {
  if (name !== undefined && !isLower(name.value)) linter.report("StageNameCasing", span, name.value);
  if (as === undefined) return;
  // A FROM of mixed case is told about by another rule.
  const matches = isLower(from.value) ? isLower(as.value) : !isUpper(from.value) || isUpper(as.value);
  if (!matches) linter.report("FromAsCasing", span, from.value, as.value);
}

function lintDescription(
  { docComment, span }: Instruction,
  kind: "ARG" | "FROM",
  names: readonly string[],
  linter: Linter,
): void {
  const word = docComment.at(-1)?.split(" ", 1)[0];
  if (word === undefined || names.length === 0 || names.includes(word)) return;
  linter.report("InvalidDefinitionDescription", span, kind, names.length > 1 ? "<arg_key>" : names[0]!);
}

function lintStageNames({ stages }: Dockerfile, linter: Linter): void {
  const seen = new Set<string>();
  for (const { name, from } of stages) {
    if (name === undefined) continue;
    if (RESERVED.has(name)) linter.report("ReservedStageName", from.span, name);
    if (seen.has(name)) linter.report("DuplicateStageName", from.span, name);
    seen.add(name);
  }
}

/** Each keyword is in the case that most of them are in; ARGs above the first FROM do not count. */
function lintKeywordCasing({ stages }: Dockerfile, linter: Linter): void {
  const instructions = stages.flatMap((stage): Instruction[] => [stage.from, ...stage.instructions]);
  let lower = 0;
  let upper = 0;
  for (const { keyword } of instructions) {
    if (isLower(keyword.value)) lower++;
    else if (isUpper(keyword.value)) upper++;
  }
  const isRight = lower > upper ? isLower : isUpper;
  const casing = lower > upper ? "lowercase" : "uppercase";
  for (const { keyword, span } of instructions) {
    if (!isRight(keyword.value)) linter.report("ConsistentInstructionCasing", span, keyword.value, casing);
  }
}

function isLower(text: string): boolean {
  return text === text.toLowerCase();
}

function isUpper(text: string): boolean {
  return text === text.toUpperCase();
}
