/** WORKDIR: where the following instructions and the container work. */
import type { WorkdirInstruction } from "../../dockerfile/ast.js";
import { cleanAbsolute, joinWorkdir } from "../image-paths.js";
import { planProblem, type Where } from "../problem.js";
import type { StageDraft } from "../stage-draft.js";
import { type WorkdirStep, workdirHistory } from "../steps/workdir.js";
import { addConfigStep, addStep, expand, type Scope, whereOf } from "./scope.js";

export function planWorkdir(scope: Scope, instruction: WorkdirInstruction): void {
  const { draft } = scope;
  setWorkdir(draft, expand(scope, instruction.path), whereOf(scope, instruction.path));
  const createdBy = workdirHistory(draft.workdir);
  if (draft.workdir === "/") {
    addConfigStep(scope, createdBy);
    return;
  }
  const step: Omit<WorkdirStep, "span" | "onbuild"> = {
    kind: "workdir",
    createdBy,
    path: cleanAbsolute(draft.workdir, draft.platform!),
    user: draft.image.user,
  };
  addStep(scope, step);
}

/** Sets the working directory of the config and of the steps that follow. @throws PLAN_INVALID */
export function setWorkdir(draft: StageDraft, path: string, where: Where): void {
  const platform = draft.platform!;
  const joined = joinWorkdir(draft.image.workingDir, path, platform);
  if (typeof joined !== "string") throw planProblem(where, `normalizing workdir: ${joined.problem}`);
  draft.image.workingDir = joined;
  draft.workdir = platform.os === "windows" ? joined.replaceAll("\\", "/") : joined;
}
