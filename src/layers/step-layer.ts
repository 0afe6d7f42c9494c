/** The layer of one step: from a record of an earlier build if there is one, else made, and remembered. */
import { type StepShape, shapeKey } from "../cache/key.js";
import type { StepInput } from "../cache/step-cache.js";
import { chainIdOf, type DiffId } from "../oci/digest.js";
import { canonicalJson, type JsonValue } from "../util/canonical-json.js";
import type { RunContext } from "./run-context.js";
import type { StepLayer } from "./step-result.js";
import { projectTimes } from "./times.js";

export interface StepWork {
  readonly kind: string;
  readonly projection: JsonValue;
  /** What the step starts from, base layer first. */
  readonly parent: readonly DiffId[];
  readonly mayReuse: boolean;
  /** Names what is read from, within this run: with equal names, steps that are alike read the same. */
  readonly source: string;
  /** Digests of what the step reads. Called before `make` to look for a record, or after it, when all is read anyway. */
  inputs(): Promise<readonly string[]>;
  /** The files behind `inputs`, for explaining a later miss. */
  inputFiles(): Iterable<StepInput>;
  /** Makes the layer. */
  make(): Promise<DiffId>;
}

/**
 * Finds or makes the layer of a step.
 *
 * Reading files twice, for the key and for the layer, is spared where no step of this shape was ever recorded: then
 * nothing can be found, so the layer is made first and the key taken from what was packed.
 */
export async function stepLayer(run: RunContext, work: StepWork): Promise<StepLayer> {
  const shape: StepShape = {
    kind: work.kind,
    platform: "",
    projection: { step: work.projection, times: projectTimes(run.times) },
  };
  const parent = chainIdOf(work.parent) ?? null;
  // Platforms of one build mostly copy the same files: what is under way already is waited for.
  const flight = canonicalJson([shapeKey(shape), parent, work.source, work.mayReuse]);
  const underWay = run.flights.get(flight);
  if (underWay !== undefined) return { ...(await underWay), isCached: true };
  const layer = findOrMake(run, work, shape, parent);
  run.flights.set(flight, layer);
  return layer;
}

async function findOrMake(
  run: RunContext,
  work: StepWork,
  shape: StepShape,
  parent: string | null,
): Promise<StepLayer> {
  const { steps } = run.store;
  if (work.mayReuse && steps.hasShape(shapeKey(shape))) {
    const record = steps.get({ ...shape, parent, inputs: await work.inputs() });
    const found = record === undefined ? undefined : readResult(record.result);
    if (found !== undefined && run.layers.isAvailable(found.diffId)) return { ...found, isCached: true };
  }
  run.signal.throwIfAborted();
  const diffId = await work.make();
  const parts = { ...shape, parent, inputs: await work.inputs() };
  // Somebody else may have made the same meanwhile: the first record stays, so that both go on with one image.
  const raced = work.mayReuse ? readResult(steps.get(parts)?.result ?? {}) : undefined;
  if (raced?.diffId === diffId) return { ...raced, isCached: false };
  const createdSeconds = run.times.epochSeconds ?? run.times.nowSeconds;
  steps.put(parts, { diffId, createdSeconds }, work.inputFiles());
  return { diffId, createdSeconds, isCached: false };
}

/** Records are sealed: what is in them is what we wrote, or what another version wrote. */
function readResult(result: JsonValue): Omit<StepLayer, "isCached"> | undefined {
  const { diffId, createdSeconds } = result as { diffId?: DiffId; createdSeconds?: number };
  return diffId === undefined || createdSeconds === undefined ? undefined : { diffId, createdSeconds };
}
