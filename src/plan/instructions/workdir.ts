/** WORKDIR: where the following instructions and the container work. */
import type { WorkdirInstruction } from "../../dockerfile/ast.js";
import { cleanAbsolute, isAbsolute, joinWorkdir } from "../image-paths.js";
import { planProblem, type Where } from "../problem.js";
import type { StageDraft } from "../stage-draft.js";
import { type WorkdirStep, workdirHistory } from "../steps/workdir.js";
import { addConfigStep, addStep, expand, type Scope, whereOf } from "./scope.js";

export function planWorkdir(scope: Scope, instruction: WorkdirInstruction): void {
  const { draft } = scope;
  const path = expand(scope, instruction.path);
  lintWorkdir(scope, path);
  setWorkdir(draft, path, whereOf(scope, instruction.path));
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

/** Only the first one counts: those after it are relative to it. */
function lintWorkdir({ draft, command, lint }: Scope, path: string): void {
  const isFirst = !draft.workdirWritten;
  draft.workdirWritten = true;
  if (isFirst && !isAbsolute(path, draft.platform!)) lint.report("WorkdirRelativePath", command.where.span, path);
}

/** Sets the working directory of the config and of the steps that follow. @throws PLAN_INVALID */
export function setWorkdir(draft: StageDraft, path: string, where: Where): void {
  const platform = draft.platform!;
  const joined = joinWorkdir(draft.image.workingDir, path, platform);
  if (typeof joined !== "string") throw planProblem(where, `normalizing workdir: ${joined.problem}`);
  draft.image.workingDir = joined;
  draft.workdir = platform.os === "windows" ? joined.replaceAll("\\", "/") : joined;
}
