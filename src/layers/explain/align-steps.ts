/** Which step of an earlier build a step corresponds to, when steps were added, removed or edited in between. */
import type { ShapeKey } from "../../cache/key.js";

export interface AlignedStep {
  readonly kind: string;
  readonly title: string;
  readonly shape: ShapeKey;
}

/** More steps are compared by their position. */
const MOST = 1000;

/**
 * For each step of `now` the index of its counterpart in `before`, or -1: the longest common sequence of equal steps, and
 * between those the steps of one kind in their order, which were edited.
 */
export function alignSteps(before: readonly AlignedStep[], now: readonly AlignedStep[]): readonly number[] {
  const pairs = new Array<number>(now.length).fill(-1);
  if (before.length > MOST || now.length > MOST) return pairs.map((_, at) => (at < before.length ? at : -1));
  for (const [at, other] of commonSequence(before, now)) pairs[at] = other;
  let least = 0;
  for (let at = 0; at < now.length; at++) {
    if (pairs[at] !== -1) {
      least = pairs[at]! + 1;
      continue;
    }
    const next = pairs.slice(at).find((pair) => pair !== -1) ?? before.length;
    const found = before.findIndex(({ kind }, index) => index >= least && index < next && kind === now[at]!.kind);
    if (found === -1) continue;
    pairs[at] = found;
    least = found + 1;
  }
  return pairs;
}

function isSame(a: AlignedStep, b: AlignedStep): boolean {
  return a.shape === b.shape || (a.kind === b.kind && a.title === b.title);
}

/** Pairs of indexes (in `now`, in `before`), ascending. */
function commonSequence(before: readonly AlignedStep[], now: readonly AlignedStep[]): [number, number][] {
  const width = before.length + 1;
  // lengths[i * width + j]: of the longest common sequence of now[i…] and before[j…].
  const lengths = new Uint16Array((now.length + 1) * width);
  for (let i = now.length - 1; i >= 0; i--) {
    for (let j = before.length - 1; j >= 0; j--) {
      lengths[i * width + j] = isSame(before[j]!, now[i]!)
        ? lengths[(i + 1) * width + j + 1]! + 1
        : Math.max(lengths[(i + 1) * width + j]!, lengths[i * width + j + 1]!);
    }
  }
  const pairs: [number, number][] = [];
  for (let i = 0, j = 0; i < now.length && j < before.length; ) {
    if (isSame(before[j]!, now[i]!)) pairs.push([i++, j++]);
    else if (lengths[(i + 1) * width + j]! >= lengths[i * width + j + 1]!) i++;
    else j++;
  }
  return pairs;
}
