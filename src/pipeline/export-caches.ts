/**
 * Leaves what a build used in shared caches. It is the last thing that a build does, and whatever goes wrong with it is a
 * warning: the image is there already. What was written before a failure counts, because every entry stands by itself.
 */
import { resolve } from "node:path";
import { type CacheKey, stepKey } from "../cache/key.js";
import { MemoryBlobs } from "../cache/memory-blobs.js";
import type { TaskInfo } from "../events.js";
import type { Abortable } from "../oci/blobs.js";
import type { DiffId } from "../oci/digest.js";
import { parseReference } from "../oci/reference.js";
import type { Descriptor } from "../oci/types.js";
import type { CacheWriter } from "../shared-cache/backend.js";
import { type EntryLayer, encodeEntry, isComplete } from "../shared-cache/entry.js";
import { fileListParts, packFileList } from "../shared-cache/file-lists.js";
import { ghaPlace } from "../shared-cache/gha-place.js";
import { localCacheWriter } from "../shared-cache/local-backend.js";
import { s3Place } from "../shared-cache/s3-place.js";
import type { UsedStep } from "../shared-cache/shared-caches.js";
import { forEachLimited } from "../util/for-each-limited.js";
import { type ExportCachesInput, layerFor, type WrittenTarget } from "./cache-layer.js";
import { exportMounts } from "./export-mounts.js";

function nameOf(target: WrittenTarget): string {
  if (target.type === "registry") return `registry "${target.ref}"`;
  if (target.type === "local") return `folder "${target.dest}"`;
  return target.type === "s3" ? s3Place(target).title : ghaPlace(target).title;
}

/** Entries that are written at a time. */
const PARALLEL = 4;

/** @throws only the signal's reason */
export async function exportCaches(input: ExportCachesInput): Promise<void> {
  const { onEvent, nowMs, signal } = input.run;
  for (const target of input.targets) {
    if (target.type === "inline") continue;
    const name = nameOf(target);
    const task: TaskInfo = { id: `cache to ${name}`, kind: "export", name: `exporting cache to ${name}` };
    onEvent({ type: "task-started", task, timeMs: nowMs() });
    const deadline = AbortSignal.timeout(target.timeoutMs);
    try {
      const { entries, mounts } = await exportCache(input, target, name, AbortSignal.any([signal, deadline]));
      const detail = [
        counted(entries, "entry", "entries"),
        ...(mounts > 0 ? [counted(mounts, "cache mount")] : []),
      ].join(", ");
      onEvent({ type: "task-finished", id: task.id, outcome: "done", timeMs: nowMs(), detail });
    } catch (error) {
      onEvent({
        type: "task-finished",
        id: task.id,
        outcome: signal.aborted ? "cancelled" : "failed",
        timeMs: nowMs(),
      });
      signal.throwIfAborted();
      const why = deadline.aborted
        ? `it took longer than ${target.timeoutMs / 1000} s (timeout=)`
        : error instanceof Error
          ? error.message
          : String(error);
      onEvent({ type: "warning", message: `the cache was not exported to ${name}: ${why}` });
    }
  }
}

function counted(count: number, one: string, many = `${one}s`): string {
  return `${count} ${count === 1 ? one : many}`;
}

/** The numbers of entries that were not there before, and of cache mounts that are there now. */
async function exportCache(
  input: ExportCachesInput,
  target: WrittenTarget,
  name: string,
  signal: AbortSignal,
): Promise<{ readonly entries: number; readonly mounts: number }> {
  const { run, imageLayers } = input;
  const writer = await openWriter(input, target, { signal });
  const used = [...(run.shared?.used.values() ?? [])];
  let written = 0;
  const there = new Map<DiffId, Promise<EntryLayer | undefined>>();
  const known = (diffId: DiffId, limited: Abortable): Promise<EntryLayer | undefined> => {
    const layer = there.get(diffId) ?? writeLayer(input, target, writer, diffId, limited);
    there.set(diffId, layer);
    return layer;
  };
  const keys = used.flatMap(({ key, record }) => [key, ...(record ? [stepKey(fileListParts(record.shape))] : [])]);
  const writing = forEachLimited(used, PARALLEL, { signal }, async (step, limited) => {
    const presence = await writer.presence(step.key);
    if (presence === "complete" && !step.isMade) return;
    const stack = "stack" in step.result ? step.result.stack : [];
    const layers: (EntryLayer | undefined)[] = [];
    for (const { diffId } of stack) {
      const isWanted = target.mode === "max" || imageLayers.has(diffId);
      layers.push(isWanted ? await known(diffId, limited) : undefined);
    }
    const entry = { ...step, layers };
    if (!isComplete(entry) && presence !== "nothing") return;
    await writer.writeEntry(encodeEntry(entry), isComplete(entry), limited);
    written++;
    // Names of files go where the files are.
    if (layers.at(-1) !== undefined) await writeFiles(input, writer, step, limited);
  });
  let mounts: readonly CacheKey[];
  try {
    await writing;
    mounts = await exportMounts(input, { target, name, writer }, signal);
  } catch (error) {
    // Some places let what was written be found only now.
    await writer.finish(keys, { signal }).catch(() => {});
    throw error;
  }
  await writer.finish([...keys, ...mounts], { signal });
  return { entries: written, mounts: mounts.length };
}

/** Leaves which files a step read, as far as the store knows. */
async function writeFiles(
  { run }: ExportCachesInput,
  writer: CacheWriter,
  { record }: UsedStep,
  options: Abortable,
): Promise<void> {
  const list = record && run.store.steps.fileListOf(record.shape, record.key);
  const packed = list && (await packFileList(record.shape, record.key, list));
  if (packed === undefined) return;
  const blobs = new MemoryBlobs();
  await blobs.write(packed.blob, [packed.bytes], options);
  await writer.writeLayer(packed.blob, blobs, options);
  await writer.writeEntry(encodeEntry(packed.entry), true, options);
}

/** Brings a layer to the cache; `undefined` when it is nowhere: then an entry goes without. */
async function writeLayer(
  input: ExportCachesInput,
  target: WrittenTarget,
  writer: CacheWriter,
  diffId: DiffId,
  options: Abortable,
): Promise<EntryLayer | undefined> {
  const layer = await layerFor(input, target, diffId, options);
  if (layer !== undefined) await writer.writeLayer(layer.descriptor, input.run.store.blobs, options);
  return layer;
}

async function openWriter(
  { cwd, client, access, repositories }: ExportCachesInput,
  target: WrittenTarget,
  options: Abortable,
): Promise<CacheWriter> {
  if (target.type === "local") {
    return localCacheWriter(resolve(cwd, target.dest));
  }
  if (target.type === "s3") {
    const { s3CacheWriter } = await import("../shared-cache/s3-backend.js");
    return s3CacheWriter(s3Place(target), await access.options(), options);
  }
  if (target.type === "gha") {
    const { ghaCacheWriter } = await import("../shared-cache/gha-backend.js");
    return ghaCacheWriter(ghaPlace(target), await access.options(), options);
  }
  const { registryCacheWriter } = await import("../shared-cache/registry-backend.js");
  const reference = parseReference(target.ref);
  const mountFrom = (layer: Descriptor): string | undefined =>
    repositories(layer).find(
      ({ registry, repository }) => registry === reference.registry && repository !== reference.repository,
    )?.repository;
  return registryCacheWriter(await client(), reference, { ...options, mountFrom });
}
