/** What shows progress: it gets every event of a build, then learns how the build ended. */
import type { BuildEvent } from "../../events.js";

export type BuildEnd = "done" | "failed" | "cancelled";

export interface Renderer {
  onEvent(event: BuildEvent): void;
  /** Shows the last state and leaves the terminal as it was. Nothing is written afterwards; may be called again. */
  end(how: BuildEnd): void;
}
