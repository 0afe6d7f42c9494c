/**
 * Leaves what is in the cache mounts of a build in a shared cache, for machines that have none of it. A mount that cannot be
 * exported is a warning, and everything else goes on.
 */
import { createHash } from "node:crypto";
import type { CacheKey } from "../cache/key.js";
import type { PendingFile } from "../cache/pending-file.js";
import { systemCode } from "../cache/store-error.js";
import { compressionSpec } from "../compression/compression.js";
import { isOcibuildError, OcibuildError } from "../errors.js";
import type { ExecutorCaches } from "../executor/contract.js";
import { type DiffId, digestFromHash } from "../oci/digest.js";
import type { CacheWriter } from "../shared-cache/backend.js";
import { type EntryLayer, encodeEntry } from "../shared-cache/entry.js";
import { outOfReach, type UsedMount } from "../shared-cache/shared-mounts.js";
import { compressFile } from "./assemble.js";
import { type ExportCachesInput, knownForm, type WrittenTarget } from "./cache-layer.js";

interface MountTarget {
  readonly target: WrittenTarget;
  /** As messages show it. */
  readonly name: string;
  readonly writer: CacheWriter;
}

/** How long other builds that use a mount are waited for. */
const WAIT_MS = 30_000;
const MEBIBYTE = 1024 * 1024;

/** The keys of the mounts that are in the cache now. @throws only the signal's reason, and errors of the program */
export async function exportMounts(
  input: ExportCachesInput,
  { target, name, writer }: MountTarget,
  signal: AbortSignal,
): Promise<readonly CacheKey[]> {
  const { run } = input;
  const { mountsLimitBytes: limitBytes } = target;
  const used = [...(run.shared?.mounts.used ?? [])];
  if (limitBytes === undefined || used.length === 0) return [];
  const warn = (message: string): void => void run.onEvent({ type: "warning", message });
  // Asked already: a command of this build has used the mount.
  const executor = await run.execution.executor();
  if (executor.caches === undefined) {
    warn(`no cache mount was exported to ${name}: ${outOfReach(executor)}`);
    return [];
  }
  const written: CacheKey[] = [];
  for (const [key, mount] of used) {
    const refused = (why: string): void => warn(`cache mount "${mount.mount.id}" was not exported to ${name}: ${why}`);
    try {
      const layer = await contentOf(input, target, { caches: executor.caches, mount, limitBytes }, refused, signal);
      if (layer === undefined) continue;
      await writer.writeLayer(layer.descriptor, run.store.blobs, { signal });
      // Without a time: what has not changed is the same entry.
      const result = { stack: [{ diffId: layer.diffId, createdSeconds: 0 }] };
      const entry = encodeEntry({ parts: mount.parts, result, layers: [layer] });
      await writer.writeEntry(entry, true, { signal });
      written.push(key);
    } catch (error) {
      signal.throwIfAborted();
      if (!isOcibuildError(error) && systemCode(error) === undefined) throw error;
      refused((error as Error).message);
    }
  }
  return written;
}

interface Wanted {
  readonly caches: ExecutorCaches;
  readonly mount: UsedMount;
  readonly limitBytes: number;
}

/** What is in a mount, as a blob of the store; `undefined` when there is nothing to export, which `refused` is told of. */
async function contentOf(
  input: ExportCachesInput,
  target: WrittenTarget,
  { caches, mount, limitBytes }: Wanted,
  refused: (why: string) => void,
  signal: AbortSignal,
): Promise<(EntryLayer & { readonly diffId: DiffId }) | undefined> {
  const { store } = input.run;
  const content = await caches.read(mount.mount, { limitBytes, waitMs: WAIT_MS, signal });
  if (content.state === "none") return undefined;
  if (content.state === "in-use") {
    refused("another build uses it");
    return undefined;
  }
  if (content.state === "too-large") {
    refused(tooLarge(content.sizeBytes, limitBytes));
    return undefined;
  }
  const compression = target.compression ?? input.compression;
  const file = store.layers.createTar();
  try {
    // Others wait for what is read: it is compressed, and sent, from a copy.
    const diffId = await copyTo(file, content.tar, limitBytes);
    const known = knownForm(store, diffId, compression, target);
    if (known !== undefined) return { ...known, diffId };
    const descriptor = await compressFile(store, file.path, diffId, { compression, signal });
    return { descriptor, spec: compressionSpec(compression), diffId };
  } finally {
    file.discard();
  }
}

/** @throws LIMIT_EXCEEDED: what was measured is not exactly what is read */
async function copyTo(file: PendingFile, tar: AsyncIterable<Buffer>, limitBytes: number): Promise<DiffId> {
  const hash = createHash("sha256");
  for await (const chunk of tar) {
    hash.update(chunk);
    file.write(chunk);
    if (file.sizeBytes <= limitBytes) continue;
    throw new OcibuildError("LIMIT_EXCEEDED", tooLarge(file.sizeBytes, limitBytes), {
      details: { limit: "mounts-limit", value: limitBytes },
    });
  }
  return digestFromHash<DiffId>(hash.digest());
}

function tooLarge(sizeBytes: number, limitBytes: number): string {
  const [size, limit] = [sizeBytes, limitBytes].map((bytes) => (bytes / MEBIBYTE).toLocaleString("en-US", ROUNDED));
  return `it has ${size} MiB, and no more than ${limit} MiB travel (mounts-limit=)`;
}

const ROUNDED = { maximumFractionDigits: 1 };
