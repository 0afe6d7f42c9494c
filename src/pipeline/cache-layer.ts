/** Layers as shared caches get them: in a compressed form that is there, or in one made for the cache. */

import type { Store } from "../cache/store.js";
import { type Compression, compressionSpec } from "../compression/compression.js";
import { isOcibuildError } from "../errors.js";
import type { RunContext } from "../layers/run-context.js";
import type { Abortable } from "../oci/blobs.js";
import type { DiffId } from "../oci/digest.js";
import type { Reference } from "../oci/reference.js";
import type { Descriptor } from "../oci/types.js";
import type { RegistryClient } from "../registry/client.js";
import type { CacheTarget } from "../shared-cache/cache-spec.js";
import type { EntryLayer } from "../shared-cache/entry.js";
import { compressedLayer } from "./assemble.js";
import type { CacheAccess } from "./cache-access.js";

export interface ExportCachesInput {
  readonly run: RunContext;
  readonly targets: readonly CacheTarget[];
  readonly cwd: string;
  readonly client: () => Promise<RegistryClient>;
  readonly access: CacheAccess;
  /** Layers of the images, base layers included. */
  readonly imageLayers: ReadonlySet<DiffId>;
  /** Of the images' layers, unless a cache says otherwise. */
  readonly compression: Compression;
  /** Repositories that may have a blob: a registry can mount it from there. */
  readonly repositories: (blob: Descriptor) => readonly Reference[];
}

export type WrittenTarget = Exclude<CacheTarget, { readonly type: "inline" }>;

/** The layer as a blob of the store. */
export async function layerFor(
  { run, compression }: ExportCachesInput,
  target: WrittenTarget,
  diffId: DiffId,
  { signal }: Abortable,
): Promise<EntryLayer | undefined> {
  const { store, layers } = run;
  const wanted = target.compression ?? compression;
  const spec = compressionSpec(wanted);
  const form = knownForm(store, diffId, wanted, target);
  if (form !== undefined) return form;
  try {
    const { descriptor } = await compressedLayer({ store, layers, signal: signal ?? run.signal }, diffId, wanted);
    return { descriptor, spec };
  } catch (error) {
    if (isOcibuildError(error, "BLOB_NOT_FOUND")) return undefined;
    throw error;
  }
}

/** The blob of a layer that will do, when the store has one. */
export function knownForm(
  store: Store,
  diffId: DiffId,
  wanted: Compression,
  { forceCompression }: Pick<WrittenTarget, "forceCompression">,
): EntryLayer | undefined {
  const forms = store.layers.compressedForms(diffId);
  const spec = compressionSpec(wanted);
  return forms.find((known) => known.spec === spec) ?? (forceCompression ? undefined : forms[0]);
}
