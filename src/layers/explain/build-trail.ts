/**
 * What this build does, stage by stage, and what earlier builds of the project did: so that a step that is not in the
 * cache can be compared with what it was before.
 */

import type { JournalBase, JournalStage, JournalStep } from "../../cache/build-journals.js";
import { type StepShape, shapeKey } from "../../cache/key.js";
import type { Store } from "../../cache/store.js";
import { chainIdOf, type DiffId } from "../../oci/digest.js";
import { formatPlatform } from "../../oci/platform.js";
import type { BuildPlan, FileSource, PlannedStage, StageId } from "../../plan/build-plan.js";
import { type LayerStep, type ShapeSurroundings, stepShape } from "../step-shape.js";
import { alignSteps } from "./align-steps.js";
import type { FilePlace } from "./compare-files.js";
import { stageLabel, stepTitle } from "./step-title.js";

export interface BuildTrailOptions {
  readonly store: Store;
  /** Identifies the project: what is built from where. */
  readonly project: string;
  readonly plan: BuildPlan;
  readonly surroundings: ShapeSurroundings;
}

export class BuildTrail {
  readonly #options: BuildTrailOptions;
  readonly #stages: StageTrail[] = [];
  #earlier: readonly JournalStage[] | undefined;

  constructor(options: BuildTrailOptions) {
    this.#options = options;
  }

  /** Begins a stage, which starts from the layers `base`. */
  begin(stage: PlannedStage, base: readonly DiffId[]): StageTrail {
    const labels = new Set(this.#options.plan.stages.map(stageLabel));
    const trail = new StageTrail(stage, this.#baseOf(stage, base), this.#options.surroundings, {
      ofStage: () => this.#earlierStages().filter((run) => run.stage === stageLabel(stage)),
      isKnown: () => this.#earlierStages().length > 0,
      ofGoneStages: () => this.#earlierStages().filter((run) => !labels.has(run.stage)),
    });
    this.#stages.push(trail);
    return trail;
  }

  #earlierStages(): readonly JournalStage[] {
    this.#earlier ??= this.#options.store.journals.load(this.#options.project);
    return this.#earlier;
  }

  /** How explanations call where files come from. */
  placeOf(source: FileSource): FilePlace {
    switch (source.kind) {
      case "stage":
        return { top: "/", name: ` of stage ${JSON.stringify(this.#labelOf(source.stage))}` };
      case "image":
        return { top: "/", name: ` of ${source.reference}` };
      case "named-context":
        return { top: "", name: ` of context ${JSON.stringify(source.name)}` };
      default:
        return { top: "", name: "" };
    }
  }

  /** Remembers what was done, for the builds to come. Never fails. */
  save(): void {
    const { store, project } = this.#options;
    if (store.writable)
      store.journals.add(
        project,
        this.#stages.map((stage) => stage.toJournal()),
      );
  }

  #labelOf(id: StageId): string {
    const stage = this.#options.plan.stages.find((candidate) => candidate.id === id);
    return stage === undefined ? id : stageLabel(stage);
  }

  #baseOf({ base }: PlannedStage, layers: readonly DiffId[]): JournalBase {
    const chain = chainIdOf(layers) ?? null;
    switch (base.kind) {
      case "scratch":
        return { kind: "scratch", name: "scratch", digest: null, chain };
      case "stage":
        return { kind: "stage", name: this.#labelOf(base.stage), digest: null, chain };
      case "image":
        return { kind: "image", name: base.reference, digest: base.image.descriptor.digest, chain };
      case "named-context":
        return { kind: "named-context", name: base.name, digest: null, chain };
      default:
        return base satisfies never;
    }
  }
}

/** What earlier builds did, newest first. */
interface EarlierRuns {
  readonly isKnown: () => boolean;
  readonly ofStage: () => readonly JournalStage[];
  /** Of stages that are no more, under their names: one of them may have been renamed, or moved. */
  readonly ofGoneStages: () => readonly JournalStage[];
}

/** A step of an earlier build that a step of this one corresponds to. */
export interface Counterpart {
  readonly stage: JournalStage;
  readonly index: number;
  /** For each step of this build the index of its counterpart in `stage`, or -1. */
  readonly pairs: readonly number[];
}

export class StageTrail {
  readonly stage: PlannedStage;
  readonly base: JournalBase;
  /** What was done so far. */
  readonly done: JournalStep[] = [];
  readonly #surroundings: ShapeSurroundings;
  readonly #earlier: EarlierRuns;
  #planned: readonly Pick<JournalStep, "kind" | "title" | "shape">[] | undefined;
  #aligned: readonly Omit<Counterpart, "index">[] | undefined;

  constructor(stage: PlannedStage, base: JournalBase, surroundings: ShapeSurroundings, earlier: EarlierRuns) {
    this.stage = stage;
    this.base = base;
    this.#surroundings = surroundings;
    this.#earlier = earlier;
  }

  /** The steps that make layers, as planned. */
  get planned(): readonly Pick<JournalStep, "kind" | "title" | "shape">[] {
    this.#planned ??= this.stage.steps.flatMap((step) => {
      if (step.kind === "config") return [];
      return [{ kind: step.kind, title: stepTitle(step), shape: shapeKey(this.shapeOf(step as LayerStep)) }];
    });
    return this.#planned;
  }

  shapeOf(step: LayerStep): StepShape {
    return stepShape(step, this.stage.platform, this.#surroundings);
  }

  /** Whether earlier builds had this stage. */
  get isKnown(): boolean {
    return this.#runs.length > 0;
  }

  /** Whether anything is known of earlier builds. */
  get isProjectKnown(): boolean {
    return this.isKnown || this.#earlier.isKnown();
  }

  /** What earlier builds did in the place of the step `index`, newest first, those for the same platform before others. */
  counterparts(index: number): readonly Counterpart[] {
    return this.#runs.flatMap(({ stage, pairs }) => {
      const found = pairs[index] ?? -1;
      return found === -1 ? [] : [{ stage, pairs, index: found }];
    });
  }

  toJournal(): JournalStage {
    const { stage, base } = this;
    return { stage: stageLabel(stage), platform: formatPlatform(stage.platform), base, steps: this.done };
  }

  get #runs(): readonly Omit<Counterpart, "index">[] {
    if (this.#aligned !== undefined) return this.#aligned;
    const platform = formatPlatform(this.stage.platform);
    const own = this.#earlier.ofStage();
    const runs = own.length > 0 ? own : this.#earlier.ofGoneStages().filter((run) => this.#isLike(run));
    const sorted = [
      ...runs.filter((run) => run.platform === platform),
      ...runs.filter((run) => run.platform !== platform),
    ];
    this.#aligned = sorted.map((stage) => ({ stage, pairs: alignSteps(stage.steps, this.planned) }));
    return this.#aligned;
  }

  /** Whether an earlier stage of another name may be this one: it had a step of it, or neither has a name. */
  #isLike({ stage, steps }: JournalStage): boolean {
    if (this.stage.name === undefined && /^[0-9]+$/.test(stage)) return true;
    return steps.some(({ shape, title }) => this.planned.some((own) => own.shape === shape || own.title === title));
  }
}
