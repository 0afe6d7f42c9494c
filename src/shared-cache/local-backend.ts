/**
 * A shared cache in a folder: `entries/v1/<key>.json` and `blobs/sha256/<hex>`. Files are put in place by renaming, so any
 * number of jobs may write to one folder, also over a network file system.
 */
import { existsSync, statSync } from "node:fs";
import { join } from "node:path";
import { BlobDirectory } from "../cache/blob-directory.js";
import type { CacheKey } from "../cache/key.js";
import { PendingFile, removeLeftovers } from "../cache/pending-file.js";
import { readSmallFile } from "../cache/sealed-file.js";
import { readVerified } from "../cache/verified-file.js";
import { isOcibuildError, OcibuildError } from "../errors.js";
import { hexOf } from "../oci/digest.js";
import type { Descriptor } from "../oci/types.js";
import { MAX_DOCUMENT_BYTES } from "../util/strict-json.js";
import type { CacheReader, CacheWriter } from "./backend.js";
import { decodeEntry, isComplete } from "./entry.js";

function entryPath(dir: string, key: CacheKey): string {
  return join(dir, "entries", "v1", `${key}.json`);
}

/** Opens the cache in the folder `dir` (absolute). @throws IMAGE_NOT_FOUND when there is none */
export function openLocalCache(dir: string): CacheReader {
  if (!existsSync(join(dir, "entries", "v1"))) {
    throw new OcibuildError("IMAGE_NOT_FOUND", `there is no cache in "${dir}"`, { details: { reference: dir } });
  }
  const pathOf = (blob: Descriptor): string => join(dir, "blobs", "sha256", hexOf(blob.digest));
  return {
    async find(key) {
      const bytes = readSmallFile(entryPath(dir, key), MAX_DOCUMENT_BYTES);
      return bytes === undefined ? undefined : decodeEntry(bytes, key, `cache "${dir}"`);
    },
    layers: {
      async has(blob) {
        const stat = statSync(pathOf(blob), { throwIfNoEntry: false });
        return stat?.isFile() === true && stat.size === blob.size;
      },
      copyTo: (target, blob, options) => target.write(blob, readVerified(pathOf(blob), blob, options), options),
    },
  };
}

/** Opens the folder `dir` (absolute) for writing; it is made when it is missing. */
export function localCacheWriter(dir: string): CacheWriter {
  const tmp = join(dir, "tmp");
  removeLeftovers(tmp);
  const ignore = (): void => {};
  const blobs = new BlobDirectory({
    images: dir,
    tmp,
    createFile: () => PendingFile.create(tmp),
    touch: ignore,
    prepareImages: async () => {},
    warn: ignore,
    lost: ignore,
  });
  return {
    async presence(key) {
      const bytes = readSmallFile(entryPath(dir, key), MAX_DOCUMENT_BYTES);
      if (bytes === undefined) return "nothing";
      try {
        const entry = await decodeEntry(bytes, key, `cache "${dir}"`);
        if (!isComplete(entry)) return "incomplete";
        return entry.layers.every((layer) => blobs.isPresent(layer!.descriptor)) ? "complete" : "nothing";
      } catch (error) {
        // What is damaged is written anew.
        if (isOcibuildError(error, "DOCUMENT_INVALID")) return "nothing";
        throw error;
      }
    },
    writeLayer: (layer, source, options) => blobs.write(layer, source.open(layer, options), options),
    async writeEntry({ key, bytes }) {
      const file = PendingFile.create(tmp);
      try {
        file.write(bytes);
        await file.commit(entryPath(dir, key));
      } finally {
        file.discard();
      }
    },
    async finish() {
      // The folder itself is the list of entries.
    },
  };
}
