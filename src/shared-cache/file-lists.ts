/**
 * Which files a step read, as a shared cache has it: only to explain a miss, so it is an entry of its own, which nobody asks for
 * that finds the step. It goes by what the instruction says, so the newest step of an instruction is found whatever it read.
 */
import { promisify } from "node:util";
import { gunzip, gzip } from "node:zlib";
import type { FetchSource } from "../cache/fetching-reader.js";
import type { CacheKey, ShapeKey, StepKeyParts } from "../cache/key.js";
import { MemoryBlobs } from "../cache/memory-blobs.js";
import { FILE_LIST_LIMIT_BYTES } from "../cache/step-cache.js";
import { decodeStepFiles, type StepFiles } from "../cache/step-files.js";
import type { Abortable } from "../oci/blobs.js";
import { digestOf } from "../oci/digest.js";
import type { Descriptor } from "../oci/types.js";
import { readBlob } from "../oci/verified-blob.js";
import { type CacheEntry, FILE_LIST_TYPE } from "./entry.js";

/** Most bytes of a compressed list: half a million files. Longer ones stay at home. */
const MAX_BLOB_BYTES = 16 * 1024 * 1024;

/** What a step of an earlier build read. */
export interface KnownFiles {
  /** Of the step, in the store where it was made. */
  readonly key: CacheKey;
  readonly files: StepFiles;
}

/** What the list of the files of a step is found by. */
export function fileListParts(shape: ShapeKey): StepKeyParts {
  return { kind: "files", platform: "", projection: shape, parent: null, inputs: [] };
}

/** A list, ready to be written: its entry and its blob; `undefined` for one that is too long. */
export async function packFileList(
  shape: ShapeKey,
  key: CacheKey,
  list: Buffer,
): Promise<{ readonly entry: CacheEntry; readonly blob: Descriptor; readonly bytes: Buffer } | undefined> {
  const bytes = await promisify(gzip)(list);
  if (bytes.length > MAX_BLOB_BYTES) return undefined;
  const blob = { mediaType: FILE_LIST_TYPE, digest: digestOf(bytes), size: bytes.length };
  const layers = [{ descriptor: blob, spec: "" }];
  return { entry: { parts: fileListParts(shape), result: { digest: key }, layers }, blob, bytes };
}

/** The list of `entry`, which `source` has; `undefined` when it is none. @throws what `source` throws */
export async function readFileList(
  entry: CacheEntry,
  source: FetchSource,
  options: Abortable,
): Promise<KnownFiles | undefined> {
  const blob = entry.layers[0]?.descriptor;
  if (blob === undefined || blob.size > MAX_BLOB_BYTES || !("digest" in entry.result)) return undefined;
  const fetched = new MemoryBlobs();
  await source.copyTo(fetched, blob, options);
  const bytes = await readBlob(fetched, blob, MAX_BLOB_BYTES, options);
  const list = await promisify(gunzip)(bytes, { maxOutputLength: FILE_LIST_LIMIT_BYTES }).catch(() => undefined);
  const key = entry.result.digest as CacheKey;
  const files = list && decodeStepFiles(key, list);
  return files && { key, files };
}
