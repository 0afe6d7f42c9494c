/** One compiled pattern of the `.dockerignore` language. @spec https://docs.docker.com/build/concepts/context/#syntax */
import { type ByteString, bytesOf } from "../util/bytes.js";
import { compileExpression, expressionOf } from "./ignore-regexp.js";
import { type Instruction, type Program, runProgram, setHas } from "./rune-program.js";
import { RUNE_ERROR, runesOf } from "./runes.js";

export interface IgnorePattern {
  /** Whether the pattern matches exactly `path`: what is below a matching directory is the matcher's concern. */
  matches(path: ByteString): boolean;
  /** False when no path below the directory `path` can match. */
  canMatchBelow(path: ByteString): boolean;
}

/**
 * Compiles a cleaned pattern.
 * @throws TREE_PATTERN_INVALID
 */
export function compileIgnorePattern(pattern: ByteString): IgnorePattern {
  const { text, shortcut } = expressionOf(pattern);
  if (shortcut === "exact") return exactly(pattern);
  if (shortcut === "prefix") return withPrefix(pattern.slice(0, -2));
  if (shortcut === "suffix") return withSuffix(pattern.slice(2));
  const program = compileExpression(pattern, text);
  const literals = literalsOf(program);
  return literals.isWhole ? exactly(literals.prefix) : byProgram(program, literals);
}

function exactly(text: string): IgnorePattern {
  return { matches: (path) => path === text, canMatchBelow: (path) => isBelow(text, path) };
}

function withPrefix(prefix: string): IgnorePattern {
  return {
    matches: (path) => path.startsWith(prefix),
    canMatchBelow: (path) => isBelow(prefix, path) || `${path}/`.startsWith(prefix),
  };
}

function withSuffix(suffix: string): IgnorePattern {
  const name = suffix.startsWith("/") ? suffix.slice(1) : undefined;
  return { matches: (path) => path.endsWith(suffix) || path === name, canMatchBelow: () => true };
}

function byProgram(program: Program, literals: Literals): IgnorePattern {
  const { prefix, suffix, required } = literals;
  const staysInOneDirectory = !program.some(canTakeSlash);
  return {
    matches: (path) =>
      path.startsWith(prefix) &&
      path.endsWith(suffix) &&
      path.includes(required) &&
      !(staysInOneDirectory && path.includes("/")) &&
      runProgram(program, runesOf(path)).matches,
    canMatchBelow: (path) =>
      (isBelow(prefix, path) || `${path}/`.startsWith(prefix)) && runProgram(program, runesOf(`${path}/`)).canContinue,
  };
}

function isBelow(path: string, directory: string): boolean {
  return path.length > directory.length && path.startsWith(directory) && path[directory.length] === "/";
}

function canTakeSlash(instruction: Instruction): boolean {
  switch (instruction.op) {
    case "char":
      return instruction.rune === 47;
    case "set":
    case "loop":
      return setHas(instruction.set, 47);
    default:
      return instruction.op === "dirs" || instruction.op === "dirs-loop";
  }
}

/** Texts that a path must have to match: they decide most paths without the program. */
interface Literals {
  readonly prefix: ByteString;
  readonly suffix: ByteString;
  /** The longest run of literal characters. */
  readonly required: ByteString;
  /** The pattern is nothing but `prefix`. */
  readonly isWhole: boolean;
}

function literalsOf(program: Program): Literals {
  const runs: string[] = [""];
  for (const instruction of program) {
    if (instruction.op !== "char") runs.push("");
    // U+FFFD also stands for bytes that are not UTF-8, so it is no text to look for.
    else if (instruction.rune === RUNE_ERROR) runs.push("", "");
    else runs[runs.length - 1] += String.fromCodePoint(instruction.rune);
  }
  const required = runs.reduce((longest, run) => (run.length > longest.length ? run : longest));
  return {
    prefix: bytesOf(runs[0]!),
    suffix: bytesOf(runs.at(-1)!),
    required: bytesOf(required),
    isWhole: runs.length === 1,
  };
}
