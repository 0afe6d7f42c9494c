/** Plans one stage: starts from its base and applies its instructions in order. */
import type { StageInstruction } from "../dockerfile/ast.js";
import { Environment, splitVariable } from "./environment.js";
import { ensurePath, inheritImage } from "./image-draft.js";
import { planCmd, planEntrypoint, planHealthcheck, planShell } from "./instructions/command-line.js";
import { planArg, planEnv, planLabel } from "./instructions/env.js";
import { planExpose } from "./instructions/expose.js";
import { planMaintainer, planOnbuild, planStopsignal, planUser, planVolume } from "./instructions/metadata.js";
import { planRun } from "./instructions/run.js";
import type { Scope } from "./instructions/scope.js";
import { planTransfer } from "./instructions/transfer.js";
import { planWorkdir, setWorkdir } from "./instructions/workdir.js";
import { at } from "./problem.js";
import type { StageDraft } from "./stage-draft.js";
import type { TargetContext } from "./target-context.js";

/**
 * Fills the draft's steps and config. Its base and its sources are planned, or stand later in the Dockerfile, which is
 * then an error.
 * @throws PLAN_INVALID, PLAN_UNSUPPORTED, LIMIT_EXCEEDED
 */
export function planStage(draft: StageDraft, context: TargetContext): void {
  startFromBase(draft, context);
  // Only what comes after may copy from it.
  draft.planned = true;
  for (const command of draft.commands) {
    const { instruction, where } = command;
    const lint = context.lint.within(instruction.docComment);
    at(where, () => planInstruction({ context, draft, command, lint }, instruction));
  }
}

function startFromBase(draft: StageDraft, context: TargetContext): void {
  const { base } = draft;
  if (base !== undefined) {
    draft.platform = base.platform;
    draft.image = inheritImage(base.image);
    draft.workdir = base.workdir;
    draft.env = new Environment(base.env);
    draft.buildArgs = new Map(base.buildArgs);
    draft.workdirWritten = base.workdirWritten;
  }
  draft.platform ??= context.targetPlatform;
  ensurePath(draft.image, draft.platform);
  at(draft.where, () => {
    for (const entry of draft.image.env.values()) {
      const { name, value } = splitVariable(entry);
      draft.env.set(name, value);
    }
  });
  if (draft.image.workingDir !== "") setWorkdir(draft, draft.image.workingDir, draft.where);
}

function planInstruction(scope: Scope, instruction: StageInstruction): void {
  switch (instruction.kind) {
    case "ARG":
      planArg(scope, instruction);
      break;
    case "ENV":
      planEnv(scope, instruction);
      break;
    case "LABEL":
      planLabel(scope, instruction);
      break;
    case "RUN":
      planRun(scope, instruction);
      break;
    case "COPY":
    case "ADD":
      planTransfer(scope, instruction);
      break;
    case "WORKDIR":
      planWorkdir(scope, instruction);
      break;
    case "USER":
      planUser(scope, instruction);
      break;
    case "EXPOSE":
      planExpose(scope, instruction);
      break;
    case "VOLUME":
      planVolume(scope, instruction);
      break;
    case "CMD":
      planCmd(scope, instruction);
      break;
    case "ENTRYPOINT":
      planEntrypoint(scope, instruction);
      break;
    case "SHELL":
      planShell(scope, instruction);
      break;
    case "STOPSIGNAL":
      planStopsignal(scope, instruction);
      break;
    case "HEALTHCHECK":
      planHealthcheck(scope, instruction);
      break;
    case "ONBUILD":
      planOnbuild(scope, instruction);
      break;
    case "MAINTAINER":
      planMaintainer(scope, instruction);
      break;
    default:
      instruction satisfies never;
  }
}
