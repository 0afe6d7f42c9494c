/**
 * An instruction as the parts that are written one after the other. Descriptions and instructions of a tree come to the
 * same parts when they mean the same, so parts are what is compared to know that a text says what was asked for.
 */
import type { Instruction } from "../ast.js";

/** `--name=value`; `value` before the rules of flags apply. */
export interface FlagPart {
  readonly name: string;
  /** `undefined` for a flag without `=`. */
  readonly value: string | undefined;
}

/** One argument, or all of them where they are one text. */
export interface ArgumentPart {
  /** What it is: the same in two versions of an instruction when it has the same role. */
  readonly key: string;
  /** What stands between it and what is before it: blanks, and for a stage name the `AS`. */
  readonly lead: string;
  readonly text: string;
}

/** A heredoc's body. */
export interface BodyPart {
  readonly name: string;
  readonly content: string;
}

export interface InstructionParts {
  readonly kind: Instruction["kind"];
  readonly flags: readonly FlagPart[];
  /** Whether the arguments may be written as a JSON list of strings, which words with blanks need. */
  readonly isList: boolean;
  readonly args: readonly ArgumentPart[];
  readonly bodies: readonly BodyPart[];
}

/** True when both say the same. */
export function equalParts(a: InstructionParts, b: InstructionParts): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}
