/** Description → text that says it. */
import { MAX_LINE_BYTES } from "../parse.js";
import type { InstructionDescription } from "./descriptions.js";
import { partsOf } from "./instruction-parts.js";
import { parseFragment } from "./parse-fragment.js";
import { equalParts, type InstructionParts } from "./parts.js";
import { type InstructionStyle, notWritable, printParts } from "./print-parts.js";

/**
 * The text of one instruction with its heredocs, without a newline at its end. It is read back before it is returned:
 * what it says is what was described.
 *
 * @example
 * formatInstruction({ kind: "ENV", pairs: { PATH: "/opt/bin:$PATH", GREETING: "hello world" } });
 * // ENV PATH=/opt/bin:$PATH GREETING="hello world"
 * @throws DOCKERFILE_EDIT when no text says it
 */
export function formatInstruction(description: InstructionDescription, style: InstructionStyle = {}): string {
  return writeParts(partsOf(description, style.escape ?? "\\"), style);
}

/** The text of `parts`, read back. @throws DOCKERFILE_EDIT */
export function writeParts(parts: InstructionParts, style: InstructionStyle): string {
  const text = printParts(parts, style);
  const problem = problemOf(text, parts, style.escape ?? "\\");
  if (problem !== undefined) throw notWritable(parts, text, problem);
  return text;
}

/** Why `text` does not say `parts`; `undefined` when it does. */
export function problemOf(text: string, parts: InstructionParts, escapeChar: string): string | undefined {
  const { instructions, error } = parseFragment(text, escapeChar, MAX_LINE_BYTES);
  if (error !== undefined) return error.message;
  const [instruction] = instructions;
  if (instruction === undefined || instructions.length !== 1) return "it would not be read as one instruction";
  if (equalParts(partsOf(instruction, escapeChar), parts)) return undefined;
  return "a Dockerfile has no way to say it, it would be read as something else";
}
