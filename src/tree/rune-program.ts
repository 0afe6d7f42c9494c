/**
 * A small automaton over code points, run on all its states at once: the time is at most (states) × (characters),
 * whatever the pattern. That is why ignore patterns never become a `RegExp`, which backtracks.
 */

/** A set of code points: those in `ranges` (pairs of first and last), or all others if `negated`. */
export interface RuneSet {
  readonly negated: boolean;
  readonly ranges: readonly number[];
}

export type Instruction =
  | { readonly op: "char"; readonly rune: number }
  | { readonly op: "set"; readonly set: RuneSet }
  /** Any number of characters of the set. */
  | { readonly op: "loop"; readonly set: RuneSet }
  /** Nothing, or anything that ends in `/`. Takes two states; the second is `dirs-loop`. */
  | { readonly op: "dirs" }
  | { readonly op: "dirs-loop" }
  /** Holds at the start only. */
  | { readonly op: "start" }
  | { readonly op: "never" };

export type Program = readonly Instruction[];

const SLASH = 47;
const NEWLINE = 10;

/** Whether `set` has `rune`. */
export function setHas(set: RuneSet, rune: number): boolean {
  const { ranges } = set;
  for (let at = 0; at < ranges.length; at += 2) {
    if (ranges[at]! <= rune && rune <= ranges[at + 1]!) return !set.negated;
  }
  return set.negated;
}

/** What a run tells: whether the whole text matches, whether a longer text still could, and how long it took. */
export interface RunResult {
  readonly matches: boolean;
  readonly canContinue: boolean;
  /** States visited; at most (states + 1) × (characters + 1). */
  readonly steps: number;
}

/** Runs `program` over all of `runes`. */
export function runProgram(program: Program, runes: Uint32Array): RunResult {
  const end = program.length;
  // For each state the number of the round in which it was last entered.
  const entered = new Uint32Array(end + 1);
  let active = new Uint32Array(end + 1);
  let next = new Uint32Array(end + 1);
  let count = enter(program, 0, 1, entered, active, 0);
  let steps = count;
  for (let at = 0; at < runes.length && count > 0; at++) {
    const rune = runes[at]!;
    const round = at + 2;
    let reached = 0;
    for (let index = 0; index < count; index++) {
      const state = active[index]!;
      if (state === end) continue;
      const instruction = program[state]!;
      switch (instruction.op) {
        case "char":
          if (instruction.rune === rune) reached = enter(program, state + 1, round, entered, next, reached);
          break;
        case "set":
          if (setHas(instruction.set, rune)) reached = enter(program, state + 1, round, entered, next, reached);
          break;
        case "loop":
          if (setHas(instruction.set, rune)) reached = enter(program, state, round, entered, next, reached);
          break;
        case "dirs-loop":
          if (rune !== NEWLINE) reached = enter(program, state, round, entered, next, reached);
          if (rune === SLASH) reached = enter(program, state + 1, round, entered, next, reached);
          break;
        default:
          break;
      }
    }
    steps += reached;
    [active, next] = [next, active];
    count = reached;
  }
  // A run that died early has no state of the last round, so `entered` cannot say "matches" by mistake.
  const matches = count > 0 && active.subarray(0, count).includes(end);
  const canContinue = count > 1 || (count === 1 && !matches);
  return { matches, canContinue, steps };
}

/** Adds `state`, and every state that follows from it without a character, to `list`; returns the new length. */
function enter(
  program: Program,
  state: number,
  round: number,
  entered: Uint32Array,
  list: Uint32Array,
  length: number,
): number {
  for (let at = state, last = state; at <= last; at++) {
    if (entered[at] === round) continue;
    const op = program[at]?.op;
    if (op === "never" || (op === "start" && round > 1)) continue;
    entered[at] = round;
    if (op === "dirs") last = Math.max(last, at + 2);
    else if (op === "loop" || op === "start") last = Math.max(last, at + 1);
    if (op !== "dirs" && op !== "start") list[length++] = at;
  }
  return length;
}
