/**
 * Why a step is not in the cache: it is compared with the nearest record, which is that of the same step in an earlier
 * build of the same project; of several the one that differs least.
 */
import { type StepKeyParts, type StepShape, shapeKey, stepKey } from "../../cache/key.js";
import type { StepRecord } from "../../cache/step-cache.js";
import type { StepFileGroup, StepFiles } from "../../cache/step-files.js";
import type { Store } from "../../cache/store.js";
import type { MissCause } from "../../events.js";
import type { KnownFiles } from "../../shared-cache/file-lists.js";
import type { StageTrail } from "./build-trail.js";
import { compareFiles, type FilePlace } from "./compare-files.js";
import { compareParents } from "./compare-parents.js";
import { compareShapes } from "./compare-shapes.js";

/** A step that was missed. */
export interface MissedStep {
  readonly shape: StepShape;
  readonly parent: string | null;
  readonly place: StepPlace;
  readonly about: StepAbout;
  inputs(): Promise<readonly string[]>;
  files(): Promise<readonly StepFileGroup[]>;
  /** `undefined` where no shared cache is asked. */
  readonly shared?: SharedKnowledge | undefined;
}

/** What shared caches know that may explain a miss. */
export interface SharedKnowledge {
  /** What the newest step of this instruction read. */
  files(): Promise<KnownFiles | undefined>;
  /** Whether they have had anything of this build. */
  hasAnswered(): boolean;
  /** Whether the step stands on one that this build has made: what is above that is in no cache. */
  readonly isOnMade: boolean;
}

/** Where a step is in the build. */
export interface StepPlace {
  readonly trail: StageTrail;
  /** Among the steps of the stage that make layers; -1 for the layer that the stage starts from. */
  readonly index: number;
  readonly title: string;
  /** Of its task; `undefined` for a step that has none. */
  readonly taskId: string | undefined;
}

/** What explanations say of a step beyond its key. */
export interface StepAbout {
  /** Names of the build arguments among its variables. */
  readonly buildArgs: readonly string[];
  /** Where the files of a group are. */
  readonly place: (group: string) => FilePlace;
  /** What inputs without files are called, by their index; `undefined` for those with files. */
  readonly sourceNames: readonly (string | undefined)[];
}

/** Of steps that read no files. */
export const READS_NOTHING: StepAbout = { buildArgs: [], place: () => ({ top: "", name: "" }), sourceNames: [] };

/** Records whose files are compared; more are judged by the rest. */
const MOST_COMPARED = 4;
/** Records of the same shape that are looked at when nothing is known of earlier builds of the project. */
const MOST_STRANGERS = 8;

/** Parts of an instruction that say which files it reads. */
const SELECTING: ReadonlySet<string> = new Set(["sources", "kind of source", "--exclude", "--parents", "--mount"]);

const OTHER_LAYERS = "the layers below it are others";
const UNRECORDED = "files that it reads changed (it is not recorded which)";

/** At least one cause. @throws what reading the inputs throws */
export async function explainMiss(store: Store, step: MissedStep): Promise<readonly MissCause[]> {
  const { trail, index } = step.place;
  const seen = new Set<string>();
  const nearest = new Nearest();
  let parts: StepKeyParts | undefined;
  let lost = false;
  let compared = 0;
  for (const counterpart of trail.counterparts(index)) {
    const known = counterpart.stage.steps[counterpart.index]!;
    if (seen.has(known.key)) continue;
    seen.add(known.key);
    const record = store.steps.find(known.shape, known.key);
    lost ||= record === undefined;
    if (record === undefined || compared === MOST_COMPARED || nearest.isBest) continue;
    compared++;
    parts ??= await partsOf(step);
    const parent = record.parts.parent === step.parent ? [] : compareParents(trail, index, counterpart);
    nearest.offer(await compareWith(store, step, parts, record, parent));
  }
  if (nearest.causes === undefined && !lost && (index === -1 || !trail.isKnown)) {
    await offerStrangers(store, step, nearest);
  }
  if (nearest.causes !== undefined) return nearest.causes;
  const shared = step.shared && (await explainByShared(step, step.shared));
  if (shared !== undefined) return shared;
  if (lost) return [{ kind: "unknown", text: "what it was made of before is no longer in the store" }];
  if (index === -1) return [{ kind: "unknown", text: "no earlier build read the same files" }];
  if (trail.isKnown) return [{ kind: "new-step", text: "new step: no earlier build had it" }];
  if (trail.isProjectKnown) return [{ kind: "new-step", text: "new stage: no earlier build had it" }];
  if (step.shared?.hasAnswered() === true) {
    return [{ kind: "new-step", text: "new or changed instruction: no cache that was asked knows it" }];
  }
  return [{ kind: "first-build", text: "no earlier build is known" }];
}

/** What shared caches know of the instruction; `undefined` for nothing. */
async function explainByShared(step: MissedStep, shared: SharedKnowledge): Promise<readonly MissCause[] | undefined> {
  const known = await shared.files();
  const now = known && (await filesOf(step));
  if (known !== undefined && now !== undefined && isKin(known.files, now, 1)) {
    if (known.key === stepKey(await partsOf(step))) return [{ kind: "lost", text: "its layer is in no cache" }];
    const { causes } = compareFiles(known.files, now, step.about.place);
    if (causes.length > 0) return causes;
    if (step.about.sourceNames.some((name) => name !== undefined)) return [{ kind: "files", text: UNRECORDED }];
    return [{ kind: "earlier-step", text: OTHER_LAYERS }];
  }
  if (!shared.isOnMade || !shared.hasAnswered()) return undefined;
  return [{ kind: "earlier-step", text: "an earlier step was made anew, and no cache has what stands on it" }];
}

/** The causes that weigh least so far. */
class Nearest {
  causes: readonly MissCause[] | undefined;
  #weight = Number.POSITIVE_INFINITY;

  /** Whether no other can differ less. */
  get isBest(): boolean {
    return this.#weight <= 1;
  }

  offer({ causes, weight }: Comparison): void {
    if (weight >= this.#weight) return;
    this.#weight = weight;
    this.causes = causes;
  }
}

interface Comparison {
  readonly causes: readonly MissCause[];
  readonly weight: number;
}

async function partsOf(step: MissedStep): Promise<StepKeyParts> {
  return { ...step.shape, parent: step.parent, inputs: await step.inputs() };
}

async function compareWith(
  store: Store,
  step: MissedStep,
  parts: StepKeyParts,
  record: StepRecord,
  parent: readonly MissCause[],
): Promise<Comparison> {
  if (record.key === stepKey(parts)) {
    return { causes: [{ kind: "lost", text: "its layer is no longer in the store" }], weight: 0 };
  }
  const { about } = step;
  const shape = compareShapes(record.parts, parts, { kind: parts.kind, buildArgs: about.buildArgs });
  // Which files are read follows from what the instruction says: then that is the cause.
  const reads = shape.some(({ subject }) => subject !== undefined && SELECTING.has(subject));
  const inputs = reads ? { causes: [], count: 0 } : await compareInputs(store, step, parts, record);
  const causes = [...shape, ...inputs.causes, ...parent];
  if (causes.length === 0 && inputs.count > 0) causes.push({ kind: "files", text: UNRECORDED });
  // Another instruction weighs more than other layers below, and those more than any number of files.
  const weight = shape.length * 1e9 + parent.length * 1e8 + Math.min(inputs.count, 1e7);
  if (causes.length > 0) return { causes, weight };
  return { causes: [{ kind: "unknown", text: "its key changed, by something that is not recorded" }], weight };
}

async function compareInputs(
  store: Store,
  step: MissedStep,
  parts: StepKeyParts,
  record: StepRecord,
): Promise<{ readonly causes: readonly MissCause[]; readonly count: number }> {
  const { about } = step;
  const before = record.parts.inputs;
  const isSame = before.length === parts.inputs.length && before.every((input, at) => input === parts.inputs[at]);
  if (isSame) return { causes: [], count: 0 };
  const causes: MissCause[] = [];
  if (before.length === parts.inputs.length) {
    for (const [at, name] of about.sourceNames.entries()) {
      if (name === undefined || before[at] === parts.inputs[at]) continue;
      causes.push({ kind: "source", subject: name, text: `${name}: gives something else than before` });
    }
  }
  const known = store.steps.filesOf(record);
  const now = await filesOf(step);
  const files = known === undefined ? undefined : compareFiles(known, now, about.place);
  if (files !== undefined) causes.push(...files.causes);
  return { causes, count: Math.max(1, causes.length, files?.count ?? 0) };
}

async function filesOf(step: MissedStep): Promise<StepFiles> {
  const groups = (await step.files()).map(({ name, files }) => ({ name, files: [...files] }));
  return { groups, isComplete: true };
}

/**
 * Without a journal (a fresh clone, a store that was brought from elsewhere) records of the same instruction may still be
 * of this project: those that share most of their files are.
 */
async function offerStrangers(store: Store, step: MissedStep, nearest: Nearest): Promise<void> {
  const records = store.steps.listByShape(shapeKey(step.shape), MOST_STRANGERS);
  if (records.length === 0) return;
  const parts = await partsOf(step);
  const now = await filesOf(step);
  for (const record of records) {
    const known = store.steps.filesOf(record);
    if (known === undefined || !isKin(known, now, 2)) continue;
    const isOnOther = record.parts.parent !== step.parent;
    const parent: MissCause[] = isOnOther ? [{ kind: "earlier-step", text: OTHER_LAYERS }] : [];
    nearest.offer(await compareWith(store, step, parts, record, parent));
  }
}

/** Whether two steps read mostly the same paths, and at least `least` of them. */
function isKin(before: StepFiles, now: StepFiles, least: number): boolean {
  const pathsOf = ({ groups }: StepFiles): Set<string> =>
    new Set(groups.flatMap(({ files }) => files.flatMap(({ path, type }) => (type === "dir" ? [] : path))));
  const [old, young] = [pathsOf(before), pathsOf(now)];
  let shared = 0;
  for (const path of young) if (old.has(path)) shared++;
  return shared >= least && shared * 2 > Math.max(old.size, young.size);
}
