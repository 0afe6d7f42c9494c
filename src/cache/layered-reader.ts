/** Several places to read blobs from as one: the store first, then the registry. */
import { isOcibuildError } from "../errors.js";
import type { Abortable, BlobReader } from "../oci/blobs.js";
import type { Descriptor } from "../oci/types.js";
import { notFound } from "./verified-file.js";

/** A missing or damaged blob in one place is no answer: the next place is asked (S3). */
const NEXT_PLACE = ["BLOB_NOT_FOUND", "BLOB_SIZE_MISMATCH", "BLOB_DIGEST_MISMATCH"] as const;

/**
 * Reads each blob from the first of `readers` that gives it. Falls through as long as no byte was given out; damage
 * that shows later is an error, and the next `open` will find the damaged copy gone.
 */
export function layeredReader(readers: readonly BlobReader[]): BlobReader {
  return {
    async has(blob: Descriptor, options: Abortable = {}): Promise<boolean> {
      for (const reader of readers) if (await reader.has(blob, options)) return true;
      return false;
    },

    async *open(blob: Descriptor, options: Abortable = {}): AsyncGenerator<Buffer, void, undefined> {
      let missed: unknown = notFound(blob);
      for (const [at, reader] of readers.entries()) {
        const last = at === readers.length - 1;
        if (!last && !(await reader.has(blob, options))) continue;
        let started = false;
        try {
          for await (const chunk of reader.open(blob, options)) {
            started = true;
            yield chunk;
          }
          return;
        } catch (error) {
          if (started || last || !NEXT_PLACE.some((code) => isOcibuildError(error, code))) throw error;
          missed = error;
        }
      }
      throw missed;
    },
  };
}
