/** `FROM name` where a named context holds files: they are the one layer of the base. */

import { runCopyStep } from "./copy-step.js";
import type { RunContext } from "./run-context.js";
import type { StageResult } from "./run-stage.js";

/** The base that the named context `name` makes: no config, no history line of its own, as in BuildKit. */
export async function contextLayer(run: RunContext, name: string): Promise<StageResult> {
  const step = {
    kind: "copy",
    instruction: "COPY",
    span: { start: 0, end: 0 },
    createdBy: "",
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
  return { diffIds: [layer.diffId], base: undefined, history: [], created: undefined };
}
