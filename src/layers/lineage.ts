/**
 * How a file system came about, beside what it is. Shared caches are asked by recipes: what the Dockerfile says and reads,
 * from the base image on, without what came out of it; so jobs that ran a step at the same time, with results that differ
 * in a time stamp, find what the other one made (docs/decisions/0012). The store's own records go by results.
 */
import { type StepKeyParts, type StepShape, shapeKey, stepKey } from "../cache/key.js";
import { chainIdOf, type DiffId, digestOf } from "../oci/digest.js";
import type { HistoryEntry, Image } from "../oci/types.js";
import type { EntryResult, StackLayer } from "../shared-cache/entry.js";
import { isoTime } from "./times.js";

/** A line of an image's history; its time is that of the layer. */
export interface HistoryLine {
  readonly createdBy: string;
  readonly hasLayer: boolean;
}

export interface Lineage {
  /** The image that all began with, when there is one. */
  readonly base: Image | undefined;
  /** Layers above `base`, lowest first. */
  readonly stack: readonly StackLayer[];
  /** Of what is above `base`: as many with a layer as the stack has. */
  readonly lines: readonly HistoryLine[];
  /** Names base and steps; `null` for nothing at all. Empty text when no shared cache is in use. */
  readonly recipe: string | null;
  /** Whether the stack is what a shared cache says. */
  readonly isImported: boolean;
  /** Whether a step of it was made by this build: what is above it is in no cache. */
  readonly isMade: boolean;
}

/**
 * What shared caches know a step, or a digest over files, by. Others read it, so it holds digests only: what a stage that is
 * not in the image was told (build arguments, URLs, commands) is nobody's business.
 */
export function recipeParts(shape: StepShape, parent: string | null, inputs: readonly string[]): StepKeyParts {
  const { kind } = shape;
  return { kind, platform: "", projection: shapeKey(shape), parent, inputs: inputs.map((input) => digestOf(input)) };
}

/** What a stage begins with: nothing, or an image. */
export function rootLineage(base: Image | undefined): Lineage {
  const recipe = base === undefined ? null : (chainIdOf(base.layers.map(({ diffId }) => diffId)) ?? null);
  return { base, stack: [], lines: [], recipe, isImported: false, isMade: false };
}

/** All layers, base layer first. */
export function diffIdsOf({ base, stack }: Pick<Lineage, "base" | "stack">): readonly DiffId[] {
  return [...(base?.layers ?? []), ...stack].map(({ diffId }) => diffId);
}

/** What a step came to. */
export interface LineageStep {
  readonly layer: StackLayer;
  /** What a shared cache said of it, when that was asked. */
  readonly imported: EntryResult | undefined;
  readonly isCached: boolean;
  /** Of the step itself: knows nothing of what is below it. */
  readonly isLinked: boolean;
  /** The step's recipe. */
  readonly recipe: StepKeyParts | undefined;
}

/** `before` with a step more; its history line is added by `withLine`. */
export function withStep(before: Lineage, { layer, imported, isCached, isLinked, recipe }: LineageStep): Lineage {
  const whole = imported !== undefined && "stack" in imported && !isLinked ? imported.stack : undefined;
  return {
    ...before,
    stack: whole ?? [...before.stack, layer],
    recipe: recipe === undefined ? "" : `sha256:${stepKey({ ...recipe, parent: before.recipe })}`,
    isImported: imported !== undefined && (!isLinked || before.isImported || before.stack.length === 0),
    isMade: before.isMade || !isCached,
  };
}

export function withLine(lineage: Lineage, createdBy: string, hasLayer: boolean): Lineage {
  return { ...lineage, lines: [...lineage.lines, { createdBy, hasLayer }] };
}

/**
 * The history above the base, and when the last layer was made (RFC 3339). A line without a layer takes its time from the
 * layer before it, so that equal builds have equal configs.
 */
export function historyOf(
  { base, stack, lines }: Lineage,
  epochSeconds: number | undefined,
): { readonly history: readonly HistoryEntry[]; readonly created: string | undefined } {
  let created = epochSeconds === undefined ? base?.config.created : isoTime(epochSeconds);
  let at = 0;
  const history = lines.map(({ createdBy, hasLayer }) => {
    if (hasLayer) created = isoTime(stack[at++]!.createdSeconds);
    return {
      ...(created === undefined ? {} : { created }),
      created_by: createdBy,
      comment: "ocibuild",
      ...(hasLayer ? {} : { empty_layer: true }),
    };
  });
  return { history, created };
}
