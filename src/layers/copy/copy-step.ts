/** COPY and ADD steps: what selects, what is looked for, and if there is none what copies and seals. */
import type { StepFileGroup } from "../../cache/step-files.js";
import { redactUrl } from "../../http/address.js";
import { chainIdOf, type DiffId } from "../../oci/digest.js";
import type { CopySource, CopyStep } from "../../plan/steps/copy.js";
import { parseModeChange } from "../../tree/chmod.js";
import { treePath } from "../../tree/paths.js";
import { resolveInTree } from "../../tree/resolve.js";
import { bytesOf } from "../../util/bytes.js";
import { forEachLimited } from "../../util/for-each-limited.js";
import { hideCredentials } from "../../util/hide-credentials.js";
import { FsEdit } from "../fs/fs-edit.js";
import type { DigestUse } from "../remembered-digest.js";
import type { RunContext } from "../run-context.js";
import { sealEdit } from "../seal/seal-edit.js";
import type { StepOptions, StepWork } from "../step-layer.js";
import { stepShape } from "../step-shape.js";
import { type CopyOptions, copySelection, type Destination, makeDirectories } from "./copy.js";
import type { CopyInput } from "./copy-input.js";
import { copyInputs } from "./copy-inputs.js";
import { ownerIn } from "./owner-in.js";
import { type StageLayers, sourceFiles } from "./stage-files.js";
import { unpackArchive } from "./unpack-archive.js";

/**
 * The work of a COPY or ADD step. Making its layer throws LAYER_COPY, CONTEXT_…, LAYER_UNKNOWN_USER, REGISTRY_…; the
 * signal's reason.
 */
export async function copyWork(
  run: RunContext,
  step: CopyStep,
  parent: readonly DiffId[],
  stageLayers: StageLayers,
  options: StepOptions,
): Promise<StepWork> {
  // A linked layer knows nothing of what is below it, so it fits on any base (and is found again on any).
  const isLinked = step.link && step.chmod === undefined;
  const start = isLinked ? [] : parent;
  const files = await sourceFiles(run, step.from, stageLayers);
  const inputs = copyInputs(run, step, files);
  const place = run.trail.placeOf(step.from);
  return {
    shape: stepShape(step, options.platform, run),
    parent: start,
    isLinked,
    mayReuse: options.mayReuse,
    source: files.kind === "context" ? `context ${files.name}` : `layers ${chainIdOf(files.diffIds)}`,
    place: options.place,
    about: { buildArgs: [], place: () => place, sourceNames: step.sources.map(sourceName) },
    inputs: (use) => digestsOf(run, inputs, use),
    files: () => filesOf(inputs),
    make: async () => sealEdit(run, await copied(run, step, start, inputs), options),
  };
}

async function filesOf(inputs: readonly CopyInput[]): Promise<readonly StepFileGroup[]> {
  const groups: StepFileGroup[] = [];
  for (const input of inputs) {
    const files = await input.files();
    if (files !== undefined) groups.push({ name: "", files });
  }
  return groups;
}

/** What a source that is not a set of files is called. */
function sourceName(source: CopySource): string | undefined {
  if (source.kind === "http") return redactUrl(new URL(source.url));
  return source.kind === "git" ? hideCredentials(source.remote) : undefined;
}

/** Sources of one step that are read at a time: downloads wait for one another otherwise. */
const PARALLEL = 4;

/** The digests of `inputs`. When one fails, the others are ended and waited for. */
async function digestsOf(run: RunContext, inputs: readonly CopyInput[], use: DigestUse): Promise<readonly string[]> {
  const digests = new Map<CopyInput, string>();
  await forEachLimited(inputs, PARALLEL, run, async (input, options) => {
    digests.set(input, await input.digest(options, use));
  });
  return inputs.map((input) => digests.get(input)!);
}

async function copied(
  run: RunContext,
  step: CopyStep,
  start: readonly DiffId[],
  inputs: readonly CopyInput[],
): Promise<FsEdit> {
  const edit = new FsEdit(await run.layers.tree(start, run));
  const options: CopyOptions = {
    owner: step.chown === undefined ? undefined : await ownerIn(run, step.chown, start),
    mode: modeOf(step),
    nowSeconds: run.times.epochSeconds ?? run.times.nowSeconds,
    mergeDirectories: true,
  };
  const destination: Destination = {
    path: treePath(bytesOf(step.destination)),
    isDirectory: step.destination.endsWith("/") || step.destination.endsWith("/."),
  };
  for (const input of inputs) {
    for (const part of await input.parts()) {
      if (part.kind === "files") {
        await run.layers.prepareContents(
          part.selection.nodes.map((node) => node.content),
          run,
        );
        copySelection(edit, part.selection, destination, options);
      } else {
        const top = resolveInTree(edit, destination.path);
        makeDirectories(edit, top, { ...options, mode: undefined });
        unpackArchive(edit, top, part.entries, part.openEntry, options);
      }
    }
  }
  return edit;
}

function modeOf(step: CopyStep): CopyOptions["mode"] {
  if (step.chmod === undefined || step.chmod === "") return undefined;
  const change = parseModeChange(step.chmod);
  // The plan has refused what cannot be parsed.
  return typeof change === "string" ? undefined : change;
}
