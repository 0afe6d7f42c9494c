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

/** Gives the blanks before a new instruction of `kind` beside `target`: those of its like nearby. */
export function indentations(dockerfile: Dockerfile): (target: Instruction, kind: Instruction["kind"]) => string {
  const { text } = dockerfile.source;
  const all = instructionsOf(dockerfile);
  const places = new Map(all.map((instruction, index) => [instruction, index]));
  return (target, kind) => {
    const isAlike = (instruction: Instruction): boolean => (instruction.kind === "FROM") === (kind === "FROM");
    if (isAlike(target)) return indentationOf(text, target);
    const place = places.get(target) ?? 0;
    const model = all.slice(place).find(isAlike) ?? all.slice(0, place).findLast(isAlike);
    return model === undefined ? "" : indentationOf(text, model);
  };
}

/** The blanks before `instruction` on its line. */
export function indentationOf(text: string, { span }: Instruction): string {
  const lineStart = text.lastIndexOf("\n", span.start - 1) + 1;
  return text.slice(lineStart, span.start).replace(/^\ufeff/, "");
}
