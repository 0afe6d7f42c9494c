/** Stages in the making: mutable until planned. Sources that are no stage (an image in COPY --from) are drafts too. */
import type { Stage, StageInstruction } from "../dockerfile/ast.js";
import { formatPlatform } from "../oci/platform.js";
import type { Platform } from "../oci/types.js";
import type { PlannedBase, Step } from "./build-plan.js";
import { Environment } from "./environment.js";
import type { FileSource, StageId } from "./file-source.js";
import { blankImage, type ImageDraft } from "./image-draft.js";
import type { FoundContext } from "./named-contexts.js";
import { emptyRecord, type OutlineRecord } from "./outline-record.js";
import type { Where } from "./problem.js";

export interface StageDraft {
  readonly index: number;
  /** `undefined` for what COPY --from or a mount names beside the stages. */
  readonly stage: Stage | undefined;
  /** The FROM, or the instruction that named the source. */
  readonly where: Where;
  /** For messages: the name, or `stage-N`. */
  readonly label: string;
  /** Expanded. */
  readonly baseName: string;
  platform: Platform | undefined;
  /** The earlier stage that FROM names. */
  base: StageDraft | undefined;
  /** What the caller put in the place of the whole stage. */
  readonly replacement: FoundContext | undefined;
  /** Sources of COPY and mounts, with the instruction that needs them. */
  readonly dependencies: Map<StageDraft, Where>;
  commands: readonly Command[];
  /** What the first step works on, when it is no other stage. */
  origin: Exclude<PlannedBase, { kind: "stage" }> | undefined;
  resolved: boolean;
  triggersTaken: boolean;
  /** True when others may copy from it: all steps are planned. */
  planned: boolean;

  image: ImageDraft;
  /** What variables stand for at this point: the config's Env and the build args in scope. */
  env: Environment;
  workdir: string;
  /** ARGs declared so far with the value they were given, for the history of RUN. */
  buildArgs: Map<string, string>;
  /** Where the last CMD, ENTRYPOINT and HEALTHCHECK of this stage is. */
  readonly written: Map<"CMD" | "ENTRYPOINT" | "HEALTHCHECK", Where>;
  /** True when a WORKDIR of this Dockerfile came before. */
  workdirWritten: boolean;
  readonly outline: OutlineRecord;
  steps: Step[];
}

/** An instruction with the drafts that it takes files from. */
export interface Command {
  readonly instruction: StageInstruction;
  /** In the Dockerfile; the FROM for triggers. */
  readonly where: Where;
  readonly onbuild: boolean;
  /** COPY: the source, if one is named. RUN: one for each mount. */
  readonly sources: readonly StageDraft[];
}

/** A draft of which only its origin in the Dockerfile is known. */
export function createDraft(
  known: Pick<StageDraft, "index" | "stage" | "where" | "label" | "baseName"> &
    Partial<Pick<StageDraft, "platform" | "replacement">>,
): StageDraft {
  return {
    platform: undefined,
    replacement: undefined,
    ...known,
    base: undefined,
    dependencies: new Map(),
    commands: [],
    origin: undefined,
    resolved: false,
    triggersTaken: false,
    planned: false,
    image: blankImage(),
    env: new Environment(),
    workdir: "/",
    buildArgs: new Map(),
    written: new Map(),
    workdirWritten: false,
    outline: emptyRecord(),
    steps: [],
  };
}

/** True for a stage that becomes a stage of the plan; false for what is only a source (images, contexts, replaced stages). */
export function isPlannedStage(draft: StageDraft): boolean {
  return draft.stage !== undefined && draft.replacement === undefined;
}

/** Id of the draft's stage within one target. */
export function stageIdOf(draft: StageDraft): StageId {
  return `${draft.index}@${formatPlatform(draft.platform!)}`;
}

/** The draft as a source of files. */
export function fileSourceOf(draft: StageDraft): FileSource {
  if (isPlannedStage(draft)) return { kind: "stage", stage: stageIdOf(draft) };
  return draft.origin ?? { kind: "scratch" };
}

/** The draft as the base of another. */
export function baseOf(draft: StageDraft): PlannedBase {
  if (isPlannedStage(draft)) return { kind: "stage", stage: stageIdOf(draft) };
  return draft.origin ?? { kind: "scratch" };
}
