/** The layer of one step: from a record of an earlier build if there is one, else made, and remembered. */
import { type StepKeyParts, type StepShape, shapeKey, stepKey } from "../cache/key.js";
import type { StepFileGroup } from "../cache/step-files.js";
import { OcibuildError } from "../errors.js";
import type { MissCause } from "../events.js";
import { chainIdOf, type DiffId } from "../oci/digest.js";
import type { Platform } from "../oci/types.js";
import type { StackLayer } from "../shared-cache/entry.js";
import { canonicalJson, type JsonValue } from "../util/canonical-json.js";
import { explainMiss, type SharedKnowledge, type StepAbout, type StepPlace } from "./explain/explain-miss.js";
import { type Lineage, recipeParts, withStep } from "./lineage.js";
import type { DigestUse } from "./remembered-digest.js";
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
  /** Whether its layer is independent of what it is put on. */
  readonly isLinked?: boolean;
  readonly mayReuse: boolean;
  /** Names what is read from, within this run: with equal names, steps that are alike read the same. */
  readonly source: string;
  readonly place: StepPlace;
  readonly about: StepAbout;
  /** Digests of what the step reads. Called before `make` to look for a record, or after it, when all is read anyway. */
  inputs(use: DigestUse): Promise<readonly string[]>;
  /** The files behind `inputs`, for explaining this miss or a later one. */
  files(): Promise<readonly StepFileGroup[]>;
  /** Makes the layer. */
  make(): Promise<DiffId>;
}

/** A step that is done, and the file system with it. */
export interface SteppedLayer extends StepLayer {
  readonly lineage: Lineage;
}

/**
 * Finds or makes the layer of a step that is put on `before`.
 *
 * Reading files twice, for the key and for the layer, is spared where no step of this shape was ever recorded: then
 * nothing can be found, so the layer is made first and the key taken from what was packed.
 * @throws CACHE_MISS when it would have to be made and the build was told not to
 */
export async function stepLayer(run: RunContext, work: StepWork, before: Lineage): Promise<SteppedLayer> {
  const { shared } = run;
  const { isLinked = false } = work;
  const shape = shapeKey(work.shape);
  const parent = chainIdOf(work.parent) ?? null;
  // Platforms of one build mostly copy the same files: what is under way already is waited for.
  const asked = shared?.hasImports === true ? before.recipe : "";
  const flight = canonicalJson([shape, parent, work.source, work.mayReuse, asked]);
  const underWay = run.flights.get(flight);
  const layer = underWay ?? findOrMake(run, work, parent, before);
  if (underWay === undefined) run.flights.set(flight, layer);
  const { key, diffId, createdSeconds, isCached, inputs, imported } = await layer;
  const { trail, index, title } = work.place;
  if (index !== -1) trail.done.push({ kind: work.shape.kind, title, shape, key, diffId });
  const top = { diffId, createdSeconds };
  const recipe = shared && recipeOf(work, before, inputs);
  const lineage = withStep(before, { layer: top, imported, isCached, isLinked, recipe });
  if (recipe !== undefined) {
    const stack = isLinked ? [top] : lineage.stack;
    shared?.use(recipe, { stack }, isLinked ? !isCached : lineage.isMade, { shape, key });
  }
  return { ...top, isCached: isCached || underWay !== undefined, lineage };
}

/** What shared caches know the step by. */
function recipeOf({ shape, isLinked }: StepWork, before: Lineage, inputs: readonly string[]): StepKeyParts {
  return recipeParts(shape, isLinked === true ? null : before.recipe, inputs);
}

async function findOrMake(
  run: RunContext,
  work: StepWork,
  parent: string | null,
  before: Lineage,
): Promise<KeyedLayer> {
  const found = await lookUp(run, work, parent, before);
  if (found !== undefined) return found;
  if (!work.mayReuse) return makeStep(run, work, parent, before);
  // Of the builders that want the same step one makes it, and the others find it then.
  const name = await lockName(run, work, parent);
  return run.store.stepLocks.hold(
    name,
    async () => (await lookUp(run, work, parent, before)) ?? makeStep(run, work, parent, before),
    run,
  );
}

/** Names the work for other builders. What is not hashed yet is named by where it comes from. */
async function lockName(run: RunContext, work: StepWork, parent: string | null): Promise<string> {
  const isHashed = work.shape.kind === "run" || run.store.steps.hasShape(shapeKey(work.shape));
  const inputs = isHashed ? await work.inputs("look up") : [run.project, work.source];
  return stepKey({ ...work.shape, kind: isHashed ? work.shape.kind : `unread ${work.shape.kind}`, parent, inputs });
}

async function makeStep(run: RunContext, work: StepWork, parent: string | null, before: Lineage): Promise<KeyedLayer> {
  const { steps } = run.store;
  if (run.explains !== "nothing") await tellMiss(run, work, parent, before);
  run.signal.throwIfAborted();
  const diffId = await work.make();
  const inputs = await work.inputs("record");
  const files = await work.files();
  const parts = { ...work.shape, parent, inputs };
  // Nothing is waited for between looking and writing. Somebody else may have made the same meanwhile, perhaps with other
  // times in its layer: the first record stays, so that all go on with one image.
  const raced = work.mayReuse ? readResult(steps.get(parts)?.result ?? {}) : undefined;
  if (raced !== undefined && run.layers.isAvailable(raced.diffId)) {
    return { ...raced, key: stepKey(parts), isCached: false, inputs };
  }
  const createdSeconds = run.times.epochSeconds ?? run.times.nowSeconds;
  const { key } = steps.put(parts, { diffId, createdSeconds }, files);
  return { key, diffId, createdSeconds, isCached: false, inputs };
}

/**
 * Looks for a record of the step whose layer can still be had, in the store and then, when it is told what the step is put
 * on, in the shared caches. Nothing is hashed where nothing can be found.
 */
export async function lookUp(
  run: RunContext,
  work: StepWork,
  parent: string | null,
  before?: Lineage,
): Promise<KeyedLayer | undefined> {
  const { shared, store } = run;
  const mayBeThere = store.steps.hasShape(shapeKey(work.shape)) || shared?.hasImports === true;
  if (!work.mayReuse || !mayBeThere) return undefined;
  const inputs = await work.inputs("look up");
  const parts = { ...work.shape, parent, inputs };
  const own = readResult(store.steps.get(parts)?.result ?? {});
  const key = stepKey(parts);
  if (own !== undefined && run.layers.isAvailable(own.diffId)) return { ...own, key, isCached: true, inputs };
  const imported = before && (await findImported(run, work, before, inputs));
  return imported === undefined ? undefined : { ...imported.stack.at(-1)!, key, isCached: true, inputs, imported };
}

/** What a shared cache has of a step; its layers are registered. */
async function findImported(
  run: RunContext,
  work: StepWork,
  before: Lineage,
  inputs: readonly string[],
): Promise<{ readonly stack: readonly StackLayer[] } | undefined> {
  const { isLinked = false } = work;
  // What stands on a step that was just made is in no cache.
  if (run.shared === undefined || (before.isMade && !isLinked)) return undefined;
  const { result, layers = [] } = (await run.shared.find(recipeOf(work, before, inputs), run)) ?? {};
  if (result === undefined || !("stack" in result)) return undefined;
  if (result.stack.length !== (isLinked ? 0 : before.stack.length) + 1) return undefined;
  for (const [at, { diffId }] of result.stack.entries()) run.layers.registerImported(diffId, layers[at]!);
  return result;
}

/** Why the step has to run. */
export async function missCauses(
  run: RunContext,
  work: StepWork,
  parent: string | null,
  before?: Lineage,
): Promise<readonly MissCause[]> {
  if (!work.mayReuse) return [{ kind: "no-cache", text: "the build was told not to use the cache for it" }];
  const shared = before && sharedKnowledge(run, before, work);
  return explainMiss(run.store, { ...work, parent, inputs: () => work.inputs("look up"), shared });
}

function sharedKnowledge(run: RunContext, before: Lineage, { shape, isLinked }: StepWork): SharedKnowledge | undefined {
  const { shared } = run;
  if (shared?.hasImports !== true) return undefined;
  return {
    files: () => shared.findFiles(shapeKey(shape), run),
    hasAnswered: () => shared.hasAnswered,
    isOnMade: before.isMade && isLinked !== true,
  };
}

/** @throws CACHE_MISS */
async function tellMiss(run: RunContext, work: StepWork, parent: string | null, before: Lineage): Promise<void> {
  const { taskId: id, title, trail } = work.place;
  const causes = await missCauses(run, work, parent, before);
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
function readResult(result: JsonValue): StackLayer | undefined {
  const { diffId, createdSeconds } = result as { diffId?: DiffId; createdSeconds?: number };
  return diffId === undefined || createdSeconds === undefined ? undefined : { diffId, createdSeconds };
}
