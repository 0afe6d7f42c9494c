/** `FROM name` where a named context holds files: they are the one layer of the base. */

import type { RunContext } from "../run-context.js";
import type { StageResult } from "../run-stage.js";
import { isoTime } from "../times.js";
import { runCopyStep } from "./copy-step.js";

/** The base that the named context `name` makes: no config, and a history line so that there is one for each layer. */
export async function contextLayer(run: RunContext, name: string): Promise<StageResult> {
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
  const options = { compression: run.compression, mayReuse: true };
  const layer = await runCopyStep(run, step, [], () => Promise.reject(new Error("no stage is read")), options);
  const created = isoTime(layer.createdSeconds);
  const line = { created, created_by: step.createdBy, comment: "ocibuild" };
  return { diffIds: [layer.diffId], base: undefined, history: [line], created };
}
