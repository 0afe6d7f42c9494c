/** The writer's compressor over a tar that exists already: a layer that is kept uncompressed and that an output needs smaller. */
import { OcibuildError } from "../../errors.js";
import type { DiffId } from "../../oci/digest.js";
import type { ContentReader } from "../../tree/file-tree.js";
import { type SealedTar, type SealOptions, SealPipeline } from "./pipeline.js";

export interface CompressTarOptions extends SealOptions {
  /** When given, a tar with another diffID is refused at its end. */
  readonly expectedDiffId?: DiffId | undefined;
}

/**
 * Compresses the whole of `source` and closes it. The blob is the same, byte for byte, as `writeLayer` gives for this tar.
 * After an error nothing works on in the background, and what the sinks got is void.
 * @throws LAYER_DIFF_ID_MISMATCH, COMPRESSION_UNSUPPORTED; the signal's reason; whatever reader and sinks throw
 */
export async function compressTar(source: ContentReader, options: CompressTarOptions): Promise<SealedTar> {
  let isClosed = false;
  let pipeline: SealPipeline | undefined;
  try {
    options.signal?.throwIfAborted();
    pipeline = new SealPipeline(options);
    for (;;) {
      const got = source.read(pipeline.block, pipeline.position, pipeline.room);
      if (got === 0) break;
      pipeline.position += got;
      if (pipeline.room === 0) await pipeline.advance();
    }
    isClosed = true;
    source.close();
    const sealed = await pipeline.finish();
    assertDiffId(sealed.diffId, options.expectedDiffId);
    return sealed;
  } catch (error) {
    await pipeline?.abandon();
    throw error;
  } finally {
    if (!isClosed) closeQuietly(source);
  }
}

function closeQuietly(source: ContentReader): void {
  try {
    source.close();
  } catch {
    // The error that led here stands.
  }
}

function assertDiffId(actual: DiffId, expected: DiffId | undefined): void {
  if (expected === undefined || actual === expected) return;
  throw new OcibuildError("LAYER_DIFF_ID_MISMATCH", `layer tar expected the diffID "${expected}" but got "${actual}"`, {
    details: { expected, actual },
  });
}
