/** What can be fuzzed. */
import type { Random } from "./random.js";

export interface Target {
  readonly name: string;
  /** Texts to begin with. Bytes are texts of code points up to 255. */
  readonly corpus: readonly string[];
  /** Pieces that mean something. */
  readonly dictionary: readonly string[];
  /** Longest input. */
  readonly maxLength: number;
  /** Characters are bytes. */
  readonly isBinary?: boolean;
  /**
   * Does with `input` what is tested and throws when anything is wrong. What it returns says what kind of input it was:
   * inputs of a new kind are kept and changed further.
   */
  run(input: string, random: Random): string;
}

/** Runs `action`; an error of ours with one of `codes` is an answer, any other error is a finding. */
export function answer(codes: readonly string[], action: () => string): string {
  try {
    return action();
  } catch (error) {
    const { code } = error as { code?: unknown };
    if (typeof code === "string" && codes.includes(code)) return code;
    throw error;
  }
}

/** @throws Error when `condition` is false */
export function check(condition: boolean, message: () => string): void {
  if (!condition) throw new Error(message());
}
