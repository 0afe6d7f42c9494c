/** Brings in what stages start from: images by the resolver, named contexts, nothing. */

import { isOcibuildError, OcibuildError } from "../errors.js";
import { formatReference, parseReference } from "../oci/reference.js";
import type { Image, Platform } from "../oci/types.js";
import { goQuote } from "../util/go-format.js";
import { nearestName } from "../util/suggest.js";
import { type ImageDraft, imageOf, scratchImage } from "./image-draft.js";
import { lintBasePlatform } from "./lint/lint-from.js";
import { type FoundContext, findNamedContext } from "./named-contexts.js";
import { located, planProblem } from "./problem.js";
import type { StageDraft } from "./stage-draft.js";
import type { StageGraph } from "./stage-graph.js";
import type { TargetContext } from "./target-context.js";

/** Registries that are asked at the same time. */
const PARALLEL = 8;

/**
 * Gives every draft that stands on no other stage its origin, platform and config. Images of unneeded stages are not
 * asked for, but their names are checked.
 * @throws PLAN_INVALID, and what the resolver throws
 */
export async function resolveBases(
  graph: StageGraph,
  needed: ReadonlySet<StageDraft>,
  context: TargetContext,
): Promise<void> {
  const waiting = graph.drafts.filter((draft) => draft.base === undefined && !draft.resolved);
  const failures: { readonly draft: StageDraft; readonly error: unknown }[] = [];
  const checks = new Map<StageDraft, () => void>();
  let next = 0;
  const work = async (): Promise<void> => {
    for (let draft = waiting[next++]; draft !== undefined; draft = waiting[next++]) {
      try {
        const check = await resolveBase(graph, draft, needed.has(draft), context);
        if (check !== undefined) checks.set(draft, check);
      } catch (error) {
        failures.push({ draft, error: located(error, draft.where) });
        return;
      }
    }
  };
  await Promise.all(Array.from({ length: Math.min(PARALLEL, waiting.length) }, work));
  // In the order of the Dockerfile, whichever answer came first.
  for (const draft of waiting) checks.get(draft)?.();
  const first = failures.sort((a, b) => a.draft.index - b.draft.index)[0];
  if (first !== undefined) throw first.error;
}

/** Returns the check that is to be made of an image. */
async function resolveBase(
  graph: StageGraph,
  draft: StageDraft,
  needed: boolean,
  context: TargetContext,
): Promise<(() => void) | undefined> {
  let check: (() => void) | undefined;
  draft.resolved = needed;
  if (draft.baseName === "scratch" && draft.replacement === undefined) {
    draft.origin = { kind: "scratch" };
    draft.platform = context.targetPlatform;
    draft.image = scratchImage(context.targetPlatform);
  } else {
    const fullName = readName(draft);
    const platform = draft.platform ?? context.targetPlatform;
    if (needed && draft.replacement !== undefined) {
      await useReplacement(draft, draft.replacement, platform, context);
      return undefined;
    }
    if (needed) {
      const found = findNamedContext(context.namedContexts, fullName, platform, draft.where);
      if (found === undefined) {
        const image = await resolveImage(graph, draft, platform, context);
        draft.origin = { kind: "image", reference: draft.baseName, image };
        draft.image = imageOf(image.config);
        const isChosen = draft.platform === undefined && context.implicitPlatform;
        check = () => lintBasePlatform(draft, image, platform, isChosen, context);
      } else {
        draft.image = (await loadContext(draft, found, platform, context)) ?? scratchImage(platform);
      }
    }
    draft.platform = platform;
  }
  if (draft.stage === undefined) draft.planned = true;
  return check;
}

/** The image as FROM means it, defaults filled in. */
function readName(draft: StageDraft): string {
  try {
    return formatReference(parseReference(draft.baseName));
  } catch (error) {
    if (!isOcibuildError(error, "REFERENCE_INVALID")) throw error;
    const reason = error.details.reason ?? error.message;
    const hint = isMadeOfVariables(draft)
      ? "Only ARGs above the first FROM can be used in FROM, and only with a value: a default or --build-arg."
      : error.hint;
    throw planProblem(draft.where, `failed to parse stage name ${goQuote(draft.baseName)}: ${reason}`, hint);
  }
}

function isMadeOfVariables({ stage, baseName }: StageDraft): boolean {
  const written = stage?.from.image.value;
  return written !== undefined && written !== baseName && written.includes("$");
}

async function useReplacement(
  draft: StageDraft,
  replacement: FoundContext,
  platform: Platform,
  context: TargetContext,
): Promise<void> {
  const image = await loadContext(draft, replacement, platform, context);
  if (image !== undefined) draft.image = image;
  draft.platform = image?.platform ?? platform;
  draft.workdir = draft.image.workingDir === "" ? "/" : draft.image.workingDir;
  draft.planned = true;
}

/** Makes a named context the draft's origin; its config when it is an image. */
async function loadContext(
  draft: StageDraft,
  { name, context: named }: FoundContext,
  platform: Platform,
  context: TargetContext,
): Promise<ImageDraft | undefined> {
  if (named.kind === "files") {
    draft.origin = { kind: "named-context", name };
    return undefined;
  }
  if (named.kind === "image" && named.reference === "scratch") {
    draft.origin = { kind: "scratch" };
    return undefined;
  }
  const image = await context.resolveImage(named.reference, platform);
  draft.origin = { kind: "image", reference: named.reference, image };
  return imageOf(image.config);
}

/** Common images, which a typo may have meant. */
const COMMON_IMAGES: readonly string[] = [
  "alpine",
  "busybox",
  "centos",
  "debian",
  "golang",
  "ubuntu",
  "fedora",
  "node",
];

async function resolveImage(
  graph: StageGraph,
  { baseName }: StageDraft,
  platform: Platform,
  context: TargetContext,
): Promise<Image> {
  try {
    return await context.resolveImage(baseName, platform);
  } catch (error) {
    const missing = isOcibuildError(error, "IMAGE_NOT_FOUND") || isOcibuildError(error, "REGISTRY_NOT_FOUND");
    const stages = graph.drafts.flatMap((draft) => (draft.stage === undefined ? [] : [draft.label]));
    const meant = nearestName(baseName, missing ? [...stages, ...COMMON_IMAGES] : stages);
    if (!isOcibuildError(error) || meant === undefined) throw error;
    if (!missing) {
      throw new OcibuildError(error.code, error.message, {
        details: error.details,
        cause: error.cause,
        hint: `${goQuote(baseName)} is no stage, so it is taken for an image: did you mean the stage ${goQuote(meant)}?`,
      });
    }
    throw new OcibuildError(error.code, `${error.message} (did you mean ${meant}?)`, {
      details: error.details,
      cause: error,
      ...(error.hint === undefined ? {} : { hint: error.hint }),
    });
  }
}
