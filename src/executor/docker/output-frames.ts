/** The output of a container as an engine multiplexes it: headers of eight bytes that name a stream and a length. */
import type { RunIO } from "../contract.js";
import { executorFailed } from "../kit/failures.js";
import { DOCKER } from "./engine.js";

const HEADER_BYTES = 8;
const STREAMS = ["stdout", "stdout", "stderr"] as const;

/** Passes everything on in its order, waiting for who takes it. @throws EXECUTOR_FAILED, what `onOutput` throws */
export async function readOutput(chunks: AsyncIterable<Buffer>, { onOutput }: Pick<RunIO, "onOutput">): Promise<void> {
  let header = Buffer.alloc(0);
  let left = 0;
  let stream: "stdout" | "stderr" = "stdout";
  for await (const chunk of chunks) {
    let at = 0;
    while (at < chunk.length) {
      if (left > 0) {
        const part = chunk.subarray(at, at + left);
        at += part.length;
        left -= part.length;
        await onOutput(stream, part);
        continue;
      }
      const part = chunk.subarray(at, at + HEADER_BYTES - header.length);
      at += part.length;
      header = Buffer.concat([header, part]);
      if (header.length < HEADER_BYTES) continue;
      const named = STREAMS[header[0]!];
      if (named === undefined) throw executorFailed(DOCKER, "the engine's output is not in frames");
      stream = named;
      left = header.readUInt32BE(4);
      header = Buffer.alloc(0);
    }
  }
  if (left > 0 || header.length > 0) throw executorFailed(DOCKER, "the engine's output broke off");
}
