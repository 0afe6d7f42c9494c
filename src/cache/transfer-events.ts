/** Events about blobs on their way. */
import type { OnEvent } from "../events.js";
import type { BlobReader } from "../oci/blobs.js";
import type { Descriptor } from "../oci/types.js";
import type { FetchWatcher } from "./fetching-reader.js";

/** Tells of each transfer as a task: `pull sha256:… of library/busybox`. */
export function transferWatcher(
  { onEvent, nowMs }: { readonly onEvent: OnEvent; readonly nowMs: () => number },
  verb: "pull" | "push" | "copy",
  detail: string,
): FetchWatcher {
  const idOf = (blob: Descriptor): string => `${verb} ${blob.digest}`;
  const kind = verb === "push" ? "export" : "pull";
  return {
    started: (blob) =>
      onEvent({
        type: "task-started",
        task: { id: idOf(blob), kind, name: `${verb} ${blob.digest}${detail}` },
        timeMs: nowMs(),
      }),
    progress: (blob, current) =>
      onEvent({ type: "task-progress", id: idOf(blob), current, total: blob.size, unit: "bytes" }),
    finished: (blob, error) =>
      onEvent({
        type: "task-finished",
        id: idOf(blob),
        outcome: error === undefined ? "done" : "failed",
        timeMs: nowMs(),
      }),
  };
}

/** `blobs`, telling `watcher` how far each is read. */
export function watched(blobs: BlobReader, watcher: FetchWatcher): BlobReader {
  return {
    has: (blob, options) => blobs.has(blob, options),
    async *open(blob, options) {
      let bytes = 0;
      for await (const chunk of blobs.open(blob, options)) {
        bytes += chunk.length;
        watcher.progress(blob, bytes);
        yield chunk;
      }
    },
  };
}
