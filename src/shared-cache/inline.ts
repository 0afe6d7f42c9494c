/** The cache that an image carries in its own config: the records of the steps it was built by. Its layers are the image's. */
import { type CacheKey, stepKey } from "../cache/key.js";
import type { BlobReader } from "../oci/blobs.js";
import type { DiffId } from "../oci/digest.js";
import { parseImageConfig } from "../oci/documents.js";
import type { Descriptor, Manifest } from "../oci/types.js";
import { readBlob } from "../oci/verified-blob.js";
import type { JsonObject } from "../util/canonical-json.js";
import { MAX_DOCUMENT_BYTES } from "../util/strict-json.js";
import { type CacheEntry, decodeRecord, entryLayer, recordOf } from "./entry.js";

/** Key in an image's config. */
export const INLINE_KEY = "dev.ocibuild.cache.v1";

/** What goes into a config. @param compression the spec of the image's new layers */
export function inlineDocument(
  entries: readonly Pick<CacheEntry, "parts" | "result">[],
  compression: string,
): JsonObject {
  // Stages run side by side: their order is not always the same.
  const sorted = [...entries].sort((a, b) => (stepKey(a.parts) < stepKey(b.parts) ? -1 : 1));
  return { version: 1, compression, records: sorted.map(recordOf) };
}

/**
 * The entries in the config of the image `manifest`, by key; none when it has no inline cache.
 * @throws DOCUMENT_INVALID, LIMIT_EXCEEDED, and what `blobs` throws
 */
export async function readInline(
  blobs: BlobReader,
  manifest: Manifest,
  name: string,
  options: { readonly signal?: AbortSignal },
): Promise<ReadonlyMap<CacheKey, CacheEntry>> {
  const bytes = await readBlob(blobs, manifest.config, MAX_DOCUMENT_BYTES, options);
  const document = `config of ${name}`;
  const config = await parseImageConfig(bytes, { name: document, layerCount: manifest.layers.length });
  const inline: unknown = (config as unknown as Record<string, unknown>)[INLINE_KEY];
  const found = new Map<CacheKey, CacheEntry>();
  const { InlineSchema } = await import("./schemas.js");
  if (!InlineSchema.safeParse(inline).success) return found;
  const { compression, records } = inline as { readonly compression: string; readonly records: readonly unknown[] };
  const layers = new Map<DiffId, Descriptor>(
    config.rootfs.diff_ids.map((diffId, at) => [diffId, manifest.layers[at]!] as const),
  );
  for (const value of records) {
    const { parts, result } = await decodeRecord(value, document);
    const stack = "stack" in result ? result.stack : [];
    const kept = stack.map(({ diffId }) => layers.get(diffId));
    const entry = { parts, result, layers: kept.map((layer) => layer && entryLayer(layer, compression, document)) };
    found.set(stepKey(parts), entry);
  }
  return found;
}
