/** WORKDIR steps. */
import type { DiffId } from "../../oci/digest.js";
import type { WorkdirStep } from "../../plan/steps/workdir.js";
import { bytesOf } from "../../util/bytes.js";
import { READS_NOTHING } from "../explain/explain-miss.js";
import { FsEdit } from "../fs/fs-edit.js";
import type { RunContext } from "../run-context.js";
import { sealEdit } from "../seal/seal-edit.js";
import type { StepOptions, StepWork } from "../step-layer.js";
import { stepShape } from "../step-shape.js";
import { makeDirectories } from "./copy.js";
import { ownerIn } from "./owner-in.js";

/** Makes the layer with the working directory; empty when it was there. Throws LAYER_COPY when a file is in the way. */
export function workdirWork(
  run: RunContext,
  step: WorkdirStep,
  parent: readonly DiffId[],
  options: StepOptions,
): StepWork {
  return {
    shape: stepShape(step, options.platform, run),
    parent,
    mayReuse: options.mayReuse,
    source: "",
    place: options.place,
    about: READS_NOTHING,
    inputs: async () => [],
    files: async () => [],
    make: async () => {
      const tree = await run.layers.tree(parent, run);
      const owner = step.user === "" ? undefined : await ownerIn(run, step.user, parent);
      const edit = new FsEdit(tree);
      const nowSeconds = run.times.epochSeconds ?? run.times.nowSeconds;
      makeDirectories(edit, bytesOf(step.path.slice(1)), { owner, mode: undefined, nowSeconds });
      return sealEdit(run, edit, options);
    },
  };
}
