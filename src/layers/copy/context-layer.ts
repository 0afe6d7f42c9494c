/** `FROM name` where a named context holds files: they are the one layer of the base. */

import type { PlannedStage } from "../../plan/build-plan.js";
import { type Lineage, rootLineage, withLine } from "../lineage.js";
import type { RunContext } from "../run-context.js";
import { type StepWork, stepLayer } from "../step-layer.js";
import { copyWork } from "./copy-step.js";

/** The base of `stage` that the named context `name` makes: no config, and a history line, so that each layer has one. */
export async function contextLayer(run: RunContext, stage: PlannedStage, name: string): Promise<Lineage> {
  const work = await contextWork(run, stage, name);
  const { lineage } = await stepLayer(run, work, rootLineage(undefined));
  return withLine(lineage, work.place.title, true);
}

/** The work of making that base's layer. */
export function contextWork(run: RunContext, stage: PlannedStage, name: string): Promise<StepWork> {
  const step = {
    kind: "copy",
    instruction: "COPY",
    span: { start: 0, end: 0 },
    createdBy: `FROM ${name}`,
    onbuild: false,
    from: { kind: "named-context", name },
    sources: [{ kind: "path", pattern: "/", unpack: false }],
    destination: "/",
    chown: undefined,
    chmod: undefined,
    link: false,
    parents: false,
    exclude: [],
  } as const;
  const place = { trail: run.trail.begin(stage, []), index: -1, title: step.createdBy, taskId: undefined };
  const options = { compression: run.compression, mayReuse: true, platform: stage.platform, place };
  return copyWork(run, step, [], () => Promise.reject(new Error("no stage is read")), options);
}
