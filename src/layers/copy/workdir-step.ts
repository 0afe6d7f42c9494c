/** Runs a WORKDIR step. */
import type { DiffId } from "../../oci/digest.js";
import { projection, type WorkdirStep } from "../../plan/steps/workdir.js";
import { bytesOf } from "../../util/bytes.js";
import { FsEdit } from "../fs/fs-edit.js";
import type { RunContext } from "../run-context.js";
import { type SealEditOptions, sealEdit } from "../seal/seal-edit.js";
import { stepLayer } from "../step-layer.js";
import type { StepLayer } from "../step-result.js";
import { makeDirectories } from "./copy.js";
import { ownerIn } from "./owner-in.js";

/** The layer with the working directory; empty when it was there. @throws LAYER_COPY when a file is in the way */
export function runWorkdirStep(
  run: RunContext,
  step: WorkdirStep,
  parent: readonly DiffId[],
  options: SealEditOptions & { readonly mayReuse: boolean },
): Promise<StepLayer> {
  return stepLayer(run, {
    kind: step.kind,
    projection: projection(step),
    parent,
    mayReuse: options.mayReuse,
    source: "",
    inputs: async () => [],
    inputFiles: () => [],
    make: async () => {
      const tree = await run.layers.tree(parent, run);
      const owner = step.user === "" ? undefined : await ownerIn(run, step.user, parent);
      const edit = new FsEdit(tree);
      const nowSeconds = run.times.epochSeconds ?? run.times.nowSeconds;
      makeDirectories(edit, bytesOf(step.path.slice(1)), { owner, mode: undefined, nowSeconds });
      return sealEdit(run, edit, options);
    },
  });
}
