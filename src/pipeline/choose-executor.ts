/** Which of the executors is taken: the one that is named, or the strongest that works here. */
import type { OcibuildError } from "../errors.js";
import type { OnEvent } from "../events.js";
import type { Executor, ExecutorCapabilities, ExecutorProbe } from "../executor/contract.js";
import { AUTOMATIC, type ExecutorOptions, LAST_RESORT, makeExecutor } from "./executors.js";

export interface Selection extends AsyncDisposable {
  readonly executor: Executor;
}

/** An executor's name and why it cannot work. */
export type Refusal = readonly [name: string, probe: ExecutorProbe & { readonly usable: false }];

/** What an executor is wanted for. */
export interface ExecutorDemand {
  /** @throws EXECUTOR_UNSUPPORTED when it lacks something */
  assertCapable(name: string, capabilities: ExecutorCapabilities): void;
  /** The error when none works here; `advice` says what could be asked for instead. */
  noneUsable(refused: readonly Refusal[], advice: readonly string[]): OcibuildError;
}

/**
 * The executor that is wanted, or the strongest that works here. One that the caller has made is the caller's to dispose of.
 * @throws what `demand` throws, OPTIONS_INVALID for an unknown name; the signal's reason
 */
export async function chooseExecutor(
  wanted: string | Executor,
  demand: ExecutorDemand,
  options: ExecutorOptions,
): Promise<Selection> {
  if (typeof wanted !== "string") {
    const probe = await wanted.probe({ signal: options.signal });
    if (!probe.usable) throw demand.noneUsable([[wanted.name, probe]], []);
    demand.assertCapable(wanted.name, probe.capabilities);
    return { executor: wanted, [Symbol.asyncDispose]: async () => {} };
  }
  const names = wanted === "auto" ? AUTOMATIC : wanted === "none" ? [] : [wanted];
  const refused: Refusal[] = [];
  for (const name of names) {
    const executor = await makeExecutor(name, options);
    try {
      const probe = await executor.probe({ signal: options.signal });
      if (probe.usable) {
        demand.assertCapable(name, probe.capabilities);
        return {
          executor: noting(executor, notesOf(probe.note, refused), options.onEvent),
          [Symbol.asyncDispose]: () => executor[Symbol.asyncDispose](),
        };
      }
      refused.push([name, probe]);
    } catch (error) {
      await executor[Symbol.asyncDispose]();
      throw error;
    }
    await executor[Symbol.asyncDispose]();
  }
  throw demand.noneUsable(refused, wanted === "auto" ? await lastResort(options) : []);
}

/** Advice to take the executor that would work here if it was asked for. */
async function lastResort(options: ExecutorOptions): Promise<readonly string[]> {
  await using executor = await makeExecutor(LAST_RESORT, options);
  const { usable } = await executor.probe({ signal: options.signal });
  return usable
    ? [`take --executor ${LAST_RESORT}, which works here: it is no boundary, so only if you trust the build`]
    : [];
}

/** What the executor says of itself, and what would have let a stronger one work. */
function notesOf(note: string | undefined, refused: readonly Refusal[]): string | undefined {
  const stronger = refused.map(
    ([name, { reason, hint }]) => `"${name}" would be stronger: ${reason}${hint === undefined ? "" : ` ${hint}`}`,
  );
  const notes = [...(note === undefined ? [] : [note]), ...stronger];
  return notes.length === 0 ? undefined : notes.join(" ");
}

/** `executor`, which says once what `note` has to say: when it runs a command, not when all comes from the cache. */
function noting(executor: Executor, note: string | undefined, onEvent: OnEvent): Executor {
  if (note === undefined) return executor;
  let isSaid = false;
  return {
    name: executor.name,
    probe: (options) => executor.probe(options),
    ...(executor.caches === undefined ? {} : { caches: executor.caches }),
    run: (spec, io) => {
      if (!isSaid) onEvent({ type: "warning", message: `executor "${executor.name}": ${note}` });
      isSaid = true;
      return executor.run(spec, io);
    },
    [Symbol.asyncDispose]: () => executor[Symbol.asyncDispose](),
  };
}
