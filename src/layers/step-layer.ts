/** The layer of one step: from a record of an earlier build if there is one, else made, and remembered. */
import { type StepShape, shapeKey, stepKey } from "../cache/key.js";
import type { StepFileGroup } from "../cache/step-files.js";
import { OcibuildError } from "../errors.js";
import type { MissCause } from "../events.js";
import { chainIdOf, type DiffId } from "../oci/digest.js";
import type { Platform } from "../oci/types.js";
import { canonicalJson, type JsonValue } from "../util/canonical-json.js";
import { explainMiss, type StepAbout, type StepPlace } from "./explain/explain-miss.js";
import type { RunContext } from "./run-context.js";
import type { SealEditOptions } from "./seal/seal-edit.js";
import type { KeyedLayer, StepLayer } from "./step-result.js";

/** What a step is told, beside what it says. */
export interface StepOptions extends SealEditOptions {
  readonly mayReuse: boolean;
  /** Of the stage. */
  readonly platform: Platform;
  readonly place: StepPlace;
}

export interface StepWork {
  readonly shape: StepShape;
  /** What the step starts from, base layer first. */
  readonly parent: readonly DiffId[];
  readonly mayReuse: boolean;
  /** Names what is read from, within this run: with equal names, steps that are alike read the same. */
  readonly source: string;
  readonly place: StepPlace;
  readonly about: StepAbout;
  /** Digests of what the step reads. Called before `make` to look for a record, or after it, when all is read anyway. */
  inputs(): Promise<readonly string[]>;
  /** The files behind `inputs`, for explaining this miss or a later one. */
  files(): Promise<readonly StepFileGroup[]>;
  /** Makes the layer. */
  make(): Promise<DiffId>;
}

/**
 * Finds or makes the layer of a step.
 *
 * Reading files twice, for the key and for the layer, is spared where no step of this shape was ever recorded: then
 * nothing can be found, so the layer is made first and the key taken from what was packed.
 * @throws CACHE_MISS when it would have to be made and the build was told not to
 */
export async function stepLayer(run: RunContext, work: StepWork): Promise<StepLayer> {
  const shape = shapeKey(work.shape);
  const parent = chainIdOf(work.parent) ?? null;
  // Platforms of one build mostly copy the same files: what is under way already is waited for.
  const flight = canonicalJson([shape, parent, work.source, work.mayReuse]);
  const underWay = run.flights.get(flight);
  const layer = underWay ?? findOrMake(run, work, parent);
  if (underWay === undefined) run.flights.set(flight, layer);
  const { key, diffId, createdSeconds, isCached } = await layer;
  const { trail, index, title } = work.place;
  if (index !== -1) trail.done.push({ kind: work.shape.kind, title, shape, key, diffId });
  return { diffId, createdSeconds, isCached: isCached || underWay !== undefined };
}

async function findOrMake(run: RunContext, work: StepWork, parent: string | null): Promise<KeyedLayer> {
  const { steps } = run.store;
  const found = await lookUp(run, work, parent);
  if (found !== undefined) return found;
  if (run.explains !== "nothing") await tellMiss(run, work, parent);
  run.signal.throwIfAborted();
  const diffId = await work.make();
  const parts = { ...work.shape, parent, inputs: await work.inputs() };
  // Somebody else may have made the same meanwhile: the first record stays, so that both go on with one image.
  const raced = work.mayReuse ? readResult(steps.get(parts)?.result ?? {}) : undefined;
  if (raced?.diffId === diffId) return { ...raced, key: stepKey(parts), isCached: false };
  const createdSeconds = run.times.epochSeconds ?? run.times.nowSeconds;
  const { key } = steps.put(parts, { diffId, createdSeconds }, await work.files());
  return { key, diffId, createdSeconds, isCached: false };
}

/** Looks for a record of the step whose layer can still be had. Nothing is hashed where nothing can be found. */
export async function lookUp(run: RunContext, work: StepWork, parent: string | null): Promise<KeyedLayer | undefined> {
  const { steps } = run.store;
  if (!work.mayReuse || !steps.hasShape(shapeKey(work.shape))) return undefined;
  const record = steps.get({ ...work.shape, parent, inputs: await work.inputs() });
  const result = record === undefined ? undefined : readResult(record.result);
  if (record === undefined || result === undefined || !run.layers.isAvailable(result.diffId)) return undefined;
  return { ...result, key: record.key, isCached: true };
}

/** Why the step has to run. */
export async function missCauses(
  run: RunContext,
  work: StepWork,
  parent: string | null,
): Promise<readonly MissCause[]> {
  if (!work.mayReuse) return [{ kind: "no-cache", text: "the build was told not to use the cache for it" }];
  return explainMiss(run.store, { ...work, parent });
}

/** @throws CACHE_MISS */
async function tellMiss(run: RunContext, work: StepWork, parent: string | null): Promise<void> {
  const { taskId: id, title, trail } = work.place;
  const causes = await missCauses(run, work, parent);
  if (id !== undefined) run.onEvent({ type: "cache-miss", id, causes });
  if (run.explains !== "and-fails") return;
  const [first, ...others] = causes.map(({ text }) => text);
  const more = others.length === 0 ? "" : ` (and ${others.length} more)`;
  throw new OcibuildError("CACHE_MISS", `"${title}" is not in the cache: ${first}${more}`, {
    details: { step: title, stage: trail.toJournal().stage, causes: causes.map(({ text }) => text) },
    hint: "Build without --require-cache, or where the cache is; --explain lists all that changed.",
  });
}

/** Records are sealed: what is in them is what we wrote, or what another version wrote. */
function readResult(result: JsonValue): Omit<StepLayer, "isCached"> | undefined {
  const { diffId, createdSeconds } = result as { diffId?: DiffId; createdSeconds?: number };
  return diffId === undefined || createdSeconds === undefined ? undefined : { diffId, createdSeconds };
}
