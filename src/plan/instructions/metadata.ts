/** USER, VOLUME, STOPSIGNAL, MAINTAINER and ONBUILD: one setting each. */
import type {
  MaintainerInstruction,
  OnbuildInstruction,
  StopsignalInstruction,
  UserInstruction,
  VolumeInstruction,
} from "../../dockerfile/ast.js";
import { planProblem } from "../problem.js";
import { isSignal } from "../signals.js";
import { addConfigStep, expand, type Scope, whereOf } from "./scope.js";

export function planUser(scope: Scope, { user }: UserInstruction): void {
  scope.draft.image.user = expand(scope, user);
  addConfigStep(scope, `USER ${scope.draft.image.user}`);
}

export function planVolume(scope: Scope, instruction: VolumeInstruction): void {
  const paths = instruction.paths.map((word) => {
    const path = expand(scope, word);
    if (path !== "") return path;
    throw planProblem(
      whereOf(scope, word),
      "VOLUME specified can not be an empty string",
      "A variable in it is empty or not set.",
    );
  });
  for (const path of paths) scope.draft.image.volumes.add(path);
  addConfigStep(scope, `VOLUME [${paths.join(" ")}]`);
}

export function planStopsignal(scope: Scope, instruction: StopsignalInstruction): void {
  const signal = expand(scope, instruction.signal);
  if (!isSignal(signal)) {
    throw planProblem(
      whereOf(scope, instruction.signal),
      `invalid signal: ${signal}`,
      "Expected a signal's name or number, for example SIGTERM or 15.",
    );
  }
  scope.draft.image.stopSignal = signal;
  addConfigStep(scope, `STOPSIGNAL ${signal}`);
}

export function planMaintainer(scope: Scope, { maintainer }: MaintainerInstruction): void {
  scope.draft.image.author = maintainer;
  addConfigStep(scope, `MAINTAINER ${maintainer}`);
}

/** Leaves no history line. */
export function planOnbuild({ draft }: Scope, { trigger }: OnbuildInstruction): void {
  draft.image.onBuild = [...draft.image.onBuild, trigger];
}
