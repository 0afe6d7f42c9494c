/** How a file is written, so that what is added to it looks the same. */
import type { Dockerfile, Instruction } from "../ast.js";
import type { InstructionStyle } from "./print-parts.js";

/** All instructions of `dockerfile`, in the order of the text. */
export function instructionsOf({ globalArgs, stages }: Dockerfile): readonly Instruction[] {
  return [...globalArgs, ...stages.flatMap((stage): Instruction[] => [stage.from, ...stage.instructions])];
}

/** The line ending of the first line, and the case that most keywords have. */
export function fileStyle(dockerfile: Dockerfile): Required<InstructionStyle> {
  const { text } = dockerfile.source;
  const firstEnd = text.indexOf("\n");
  const lower = instructionsOf(dockerfile).filter(({ keyword: { value } }) => value === value.toLowerCase()).length;
  return {
    escape: dockerfile.escape,
    newline: firstEnd > 0 && text[firstEnd - 1] === "\r" ? "\r\n" : "\n",
    keywordCase: lower * 2 > instructionsOf(dockerfile).length ? "lower" : "upper",
  };
}

/** The blanks before a new instruction of `kind` beside `target`: those of its like nearby. */
export function indentationBeside(dockerfile: Dockerfile, target: Instruction, kind: Instruction["kind"]): string {
  const isFrom = kind === "FROM";
  const all = instructionsOf(dockerfile);
  const place = all.indexOf(target);
  const alike = (instruction: Instruction): boolean => (instruction.kind === "FROM") === isFrom;
  const model = alike(target)
    ? target
    : (all.slice(place).find(alike) ?? all.slice(0, Math.max(0, place)).reverse().find(alike));
  return model === undefined ? "" : indentationOf(dockerfile.source.text, model);
}

/** The blanks before `instruction` on its line. */
export function indentationOf(text: string, { span }: Instruction): string {
  const lineStart = text.lastIndexOf("\n", span.start - 1) + 1;
  return text.slice(lineStart, span.start).replace(/^\ufeff/, "");
}
