/**
 * The flattened root file system as a folder, written as the user who exports: ownership is the user's, modes and times
 * are the image's. Into an existing folder the files are merged. Several platforms: a folder each.
 */
import { mkdir, rename, rm, stat } from "node:fs/promises";
import { dirname } from "node:path";
import { setImmediate as nextTurn } from "node:timers/promises";
import type { Abortable, BlobReader } from "../oci/blobs.js";
import type { BuildResult, Exporter, ExportResult } from "./exporter.js";
import { FolderWriter } from "./folder-writer.js";
import { imageContent } from "./image-content.js";
import { guarded, invalidOutput, temporaryName } from "./output-file.js";
import { folderEntry, placedEntry, type RootfsOptions, type RootfsPart, rootfsParts } from "./rootfs-parts.js";

/** Entries between two looks at the abort signal: writing itself is synchronous. */
const ENTRIES_PER_TURN = 128;

/** Writes into the folder `path`. A new folder appears when it is complete; an existing one is filled in place. */
export function rootfsFolder(path: string, rootfsOptions: RootfsOptions = {}): Exporter {
  return {
    name: `exporting root file system to "${path}"`,
    async export(result: BuildResult, _blobs: BlobReader, options: Abortable = {}): Promise<ExportResult> {
      const parts = rootfsParts(result, path, rootfsOptions);
      const { descriptor } = imageContent(result).root;
      const warnings = await guarded(path, options, () => place(path, parts, rootfsOptions, options));
      return { descriptor, names: [], path, warnings };
    },
  };
}

async function place(
  path: string,
  parts: readonly RootfsPart[],
  rootfsOptions: RootfsOptions,
  options: Abortable,
): Promise<readonly string[]> {
  options.signal?.throwIfAborted();
  const existing = await stat(path).catch(() => undefined);
  if (existing !== undefined) {
    if (!existing.isDirectory()) throw invalidOutput(path, `output "${path}" expected to be a folder but is a file`);
    return writeParts(path, path, parts, rootfsOptions, options);
  }
  // As docker does, missing parents are made.
  await mkdir(dirname(path), { recursive: true });
  const temporary = temporaryName(path);
  try {
    await mkdir(temporary);
    const warnings = await writeParts(temporary, path, parts, rootfsOptions, options);
    await rename(temporary, path);
    return warnings;
  } catch (error) {
    await rm(temporary, { recursive: true, force: true, maxRetries: 2 });
    throw error;
  }
}

/** Writes into the folder `target`, which messages call `path`. */
async function writeParts(
  target: string,
  path: string,
  parts: readonly RootfsPart[],
  rootfsOptions: RootfsOptions,
  { signal }: Abortable,
): Promise<readonly string[]> {
  using writer = new FolderWriter(target, path);
  let untilTurn = ENTRIES_PER_TURN;
  for (const { folder, entries } of parts) {
    if (folder !== "") writer.write({ entry: folderEntry(folder, rootfsOptions.epochSeconds ?? 0), ...NO_CONTENT });
    for (const layerEntry of entries()) {
      if (--untilTurn === 0) {
        await nextTurn();
        signal?.throwIfAborted();
        untilTurn = ENTRIES_PER_TURN;
      }
      if (layerEntry.entry.path !== "") {
        writer.write({ ...layerEntry, entry: placedEntry(layerEntry.entry, folder, rootfsOptions) });
      }
    }
  }
  return writer.finish();
}

const NO_CONTENT = { open: undefined, onContentDigest: undefined } as const;
