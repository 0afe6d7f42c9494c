/** What a build would do, without doing it: the plan, what each step's key is made of, and what is in the cache. */
import type { CacheKey, ShapeKey, StepKeyParts, StepShape } from "./cache/key.js";
import type { SourceLocation } from "./errors.js";
import type { MissCause } from "./events.js";
import type { LookedUpStage, LookedUpStep } from "./layers/look-up-plan.js";
import type { DiffId } from "./oci/digest.js";
import { formatPlatform } from "./oci/platform.js";
import type { BuildOptions } from "./options.js";
import { lookUpSteps } from "./pipeline/execute.js";
import type { BuildPlan, PlannedBase, PlannedStage } from "./plan/build-plan.js";
import { soundsSecret } from "./plan/secret-names.js";
import { noExecutor, outputsOf, planWork } from "./plan-work.js";
import { openFront, openSurroundings } from "./prepare.js";
import type { JsonObject, JsonValue } from "./util/canonical-json.js";
import { hideCredentials } from "./util/hide-credentials.js";
import { locate } from "./util/source-text.js";

export interface StepReport {
  readonly kind: "config" | "copy" | "run" | "workdir";
  /** The instruction in one line. */
  readonly title: string;
  readonly location: SourceLocation;
  /**
   * `config` makes no layer; `cached` is in the cache; `runs` is not; `depends` is not known before a step has run that it
   * stands on or copies from.
   */
  readonly state: LookedUpStep["state"];
  /** What the key is made of; without `parent` and `inputs` where those are not known. */
  readonly record?: StepShape & Partial<Pick<StepKeyParts, "parent" | "inputs">>;
  /** Of what the Dockerfile and the options say. */
  readonly shapeKey?: ShapeKey;
  /** Of all of it. */
  readonly key?: CacheKey;
  /** The layer of a cached step. */
  readonly diffId?: DiffId;
  /** Why it is not in the cache. */
  readonly causes?: readonly MissCause[];
}

export interface StageReport {
  readonly id: string;
  readonly name?: string;
  readonly platform: string;
  readonly base: { readonly kind: PlannedBase["kind"]; readonly name: string; readonly digest?: string };
  readonly steps: readonly StepReport[];
}

export interface PlanReport {
  readonly version: 1;
  /** In build order. */
  readonly stages: readonly StageReport[];
  /** The stages that become images, one for each platform. */
  readonly targets: readonly { readonly platform: string; readonly stage: string }[];
}

/**
 * Plans the build and looks into the cache; nothing is made. Files that the steps read are hashed.
 * @throws what a build throws before its first step, and what reading the context throws; the signal's reason
 */
export async function runPlanReport(options: BuildOptions): Promise<PlanReport> {
  try {
    await using surroundings = await openSurroundings(options);
    await using front = await openFront(surroundings, options);
    const { onEvent, nowMs, signal } = surroundings;
    const planned = await planWork(surroundings, front, options, outputsOf(options, surroundings));
    const execution = { ...planned.settings, executor: noExecutor, secret: async () => undefined };
    const stages = await lookUpSteps({ ...planned, execution, onEvent, nowMs, signal });
    return reportOf(planned.plan, stages, (stage) => stageReport(stage, (span) => locate(front.source, span)));
  } catch (error) {
    // What breaks because of the abort is not what the caller wants to hear of.
    options.signal?.throwIfAborted();
    throw error;
  }
}

function reportOf(
  plan: BuildPlan,
  stages: readonly LookedUpStage[],
  report: (stage: LookedUpStage) => StageReport,
): PlanReport {
  const targets = plan.targets.map(({ platform, stage }) => ({ platform: formatPlatform(platform), stage }));
  return { version: 1, stages: stages.map(report), targets };
}

type Locate = (span: LookedUpStep["step"]["span"]) => SourceLocation;

function stageReport({ stage, steps }: LookedUpStage, where: Locate): StageReport {
  return {
    id: stage.id,
    ...(stage.name === undefined ? {} : { name: stage.name }),
    platform: formatPlatform(stage.platform),
    base: baseReport(stage),
    steps: steps.map((step) => stepReport(step, where)),
  };
}

function baseReport({ base }: PlannedStage): StageReport["base"] {
  const { kind } = base;
  if (kind === "image") return { kind, name: base.reference, digest: base.image.descriptor.digest };
  return { kind, name: kind === "scratch" ? kind : kind === "stage" ? base.stage : base.name };
}

function stepReport(
  { step, title, state, shape, shapeKey, parts, key, diffId, causes }: LookedUpStep,
  where: Locate,
): StepReport {
  const { parent, inputs } = parts ?? {};
  return {
    kind: step.kind,
    title: step.kind === "config" ? withoutSecretValues(title) : title,
    location: where(step.span),
    state,
    ...(shape === undefined
      ? {}
      : {
          record: {
            ...shape,
            projection: withoutSecrets(shape.projection),
            ...(parent === undefined ? {} : { parent }),
            ...(inputs === undefined ? {} : { inputs }),
          },
        }),
    ...(shapeKey === undefined ? {} : { shapeKey }),
    ...(key === undefined ? {} : { key }),
    ...(diffId === undefined ? {} : { diffId }),
    ...(causes.length === 0 ? {} : { causes }),
  };
}

/** `ARG NAME=…` and `ENV NAME=…` up to the first value whose name sounds like a secret: where it ends cannot be told. */
function withoutSecretValues(title: string): string {
  if (!/^(?:ARG|ENV) /.test(title)) return title;
  for (const { 0: named, 1: name = "", index } of title.matchAll(/([A-Za-z_][A-Za-z0-9_]*)=/g)) {
    if (soundsSecret(name)) return `${title.slice(0, index + named.length)}(not shown)`;
  }
  return title;
}

/** A projection without the values of variables whose names sound like secrets. */
function withoutSecrets(projection: JsonValue): JsonValue {
  if (Array.isArray(projection)) return projection.map(withoutSecrets);
  if (typeof projection !== "object" || projection === null) return projection;
  const members = Object.entries(projection as JsonObject).map(([name, value]): [string, JsonValue | undefined] => {
    if (name !== "env" || !Array.isArray(value)) return [name, value === undefined ? value : withoutSecrets(value)];
    return [name, value.map((variable) => (typeof variable === "string" ? hiddenValue(variable) : variable))];
  });
  return Object.fromEntries(members);
}

function hiddenValue(variable: string): string {
  const equals = variable.indexOf("=");
  const name = equals === -1 ? variable : variable.slice(0, equals);
  if (soundsSecret(name)) return `${name}=(not shown)`;
  return equals === -1 ? variable : `${name}=${hideCredentials(variable.slice(equals + 1))}`;
}
