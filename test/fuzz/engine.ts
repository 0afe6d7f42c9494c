/** Runs a target on changed inputs for a while, keeps those that show something new, and collects what goes wrong. */
import { mutate } from "./mutate.js";
import { createRandom } from "./random.js";
import type { Target } from "./target.js";

/** An input that broke a target. */
export interface Finding {
  readonly input: string;
  readonly error: string;
}

export interface FuzzReport {
  readonly executions: number;
  readonly seconds: number;
  /** Different answers seen. */
  readonly kinds: number;
  /** Inputs that are changed further. */
  readonly pool: number;
  readonly slowestMs: number;
  readonly findings: readonly Finding[];
}

export interface FuzzOptions {
  readonly seed: number;
  readonly seconds: number;
  /** Told about each finding at once. */
  readonly onFinding?: (finding: Finding) => void;
}

/** Longest time for one input. */
const SLOW_MS = 2000;
const MOST_FINDINGS = 20;
const POOL_LIMIT = 20_000;

export function fuzz(target: Target, options: FuzzOptions): FuzzReport {
  const random = createRandom(options.seed);
  const pool = target.corpus.filter((text) => text.length <= target.maxLength);
  const kinds = new Set<string>();
  const findings: Finding[] = [];
  const errors = new Set<string>();
  let executions = 0;
  let slowestMs = 0;
  const started = performance.now();
  const end = started + options.seconds * 1000;

  function execute(input: string): void {
    executions++;
    const before = performance.now();
    try {
      const kind = target.run(input, random);
      if (!kinds.has(kind)) {
        kinds.add(kind);
        if (executions > target.corpus.length && pool.length < POOL_LIMIT) pool.push(input);
      }
      const took = performance.now() - before;
      slowestMs = Math.max(slowestMs, took);
      if (took > SLOW_MS) throw new Error(`took ${Math.round(took)} ms`);
    } catch (error) {
      const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
      // The same place in the program is the same finding.
      const key = text.replace(/"(?:[^"\\]|\\.)*"/g, "").slice(0, 300);
      if (errors.has(key)) return;
      errors.add(key);
      findings.push({ input, error: text });
      options.onFinding?.({ input, error: text });
    }
  }

  for (const input of pool.slice()) execute(input);
  while (performance.now() < end && findings.length < MOST_FINDINGS) {
    for (let round = 0; round < 50; round++) {
      // Inputs that showed something new are taken more often than those that were there from the start.
      const recent = random.below(2) === 0 ? Math.max(0, pool.length - 500) : 0;
      const base = pool[recent + random.below(pool.length - recent)] ?? "";
      execute(mutate(base, random.pick(pool) ?? "", target, random));
    }
  }
  const seconds = (performance.now() - started) / 1000;
  return { executions, seconds, kinds: kinds.size, pool: pool.length, slowestMs, findings };
}
