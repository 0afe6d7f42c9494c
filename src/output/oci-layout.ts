/** An OCI layout as a folder. Into an existing layout the image is added; equal names move. @spec image-layout.md */
import { mkdir, readdir, readFile, rm, rmdir, stat } from "node:fs/promises";
import { join } from "node:path";
import type { Abortable, BlobReader } from "../oci/blobs.js";
import {
  checkLayoutFile,
  encodeLayoutIndex,
  LAYOUT_BYTES,
  LAYOUT_FILE,
  LAYOUT_INDEX_FILE,
  layoutBlobPath,
  namedEntries,
  parseLayoutIndex,
  replaceEntries,
} from "../oci/layout.js";
import { formatReference } from "../oci/reference.js";
import type { Descriptor } from "../oci/types.js";
import { forEachLimited } from "../util/for-each-limited.js";
import type { BuildResult, Exporter, ExportResult } from "./exporter.js";
import { documentsOf, type ImageContent, imageContent, withDocuments } from "./image-content.js";
import { guarded, invalidOutput, placeFile } from "./output-file.js";

/** Blobs at a time: one is hashed while another is written. */
const PARALLEL = 2;
/** A list of images that is longer was not made by tools like this. */
const INDEX_LIMIT_BYTES = 4 * 1024 * 1024;

/** Writes into the folder `path`, which is made when it is missing and must be empty or a layout when it is not. */
export function ociLayout(path: string): Exporter {
  return {
    name: `exporting to oci layout "${path}"`,
    async export(result: BuildResult, blobs: BlobReader, options: Abortable = {}): Promise<ExportResult> {
      const content = imageContent(result);
      await addToLayout(path, content, namedEntries(content.root.descriptor, result.names), blobs, options);
      return { descriptor: content.root.descriptor, names: result.names.map(formatReference), path, warnings: [] };
    },
  };
}

/**
 * Adds an image to the layout in the folder `path`, listed as `entries`; nothing of it stays when that fails.
 * @throws OUTPUT_INVALID, OUTPUT_FAILED, BLOB_…
 */
export async function addToLayout(
  path: string,
  content: ImageContent,
  entries: readonly Descriptor[],
  blobs: BlobReader,
  options: Abortable = {},
): Promise<void> {
  await guarded(path, options, async () => {
    const existing = await existingEntries(path);
    const made = new MadePaths();
    try {
      await writeLayout(path, content, blobs, replaceEntries(existing ?? [], entries), made, options);
    } catch (error) {
      await made.remove();
      throw error;
    }
  });
}

/** What was made, so that a failure can take it away again. */
class MadePaths {
  readonly #paths: { readonly path: string; readonly isFolder: boolean }[] = [];

  async folder(path: string): Promise<void> {
    // Only a folder that was not there is ours.
    if ((await stat(path).catch(() => undefined))?.isDirectory() === true) return;
    await mkdir(path);
    this.#paths.push({ path, isFolder: true });
  }

  file(path: string): void {
    this.#paths.push({ path, isFolder: false });
  }

  async remove(): Promise<void> {
    for (const { path, isFolder } of this.#paths.toReversed()) {
      await (isFolder ? rmdir(path) : rm(path, { force: true })).catch(() => undefined);
    }
  }
}

async function writeLayout(
  path: string,
  content: ImageContent,
  blobs: BlobReader,
  entries: readonly Descriptor[],
  made: MadePaths,
  options: Abortable,
): Promise<void> {
  options.signal?.throwIfAborted();
  await made.folder(path);
  await made.folder(join(path, "blobs"));
  await made.folder(join(path, "blobs", "sha256"));
  const documents = documentsOf(content);
  const source = withDocuments(blobs, documents);
  const all = [...content.layers, ...documents.map(({ descriptor }) => descriptor)];
  await forEachLimited(all, PARALLEL, options, async (blob, limited) => {
    const file = join(path, ...layoutBlobPath(blob.digest).split("/"));
    const present = await stat(file).catch(() => undefined);
    if (present?.isFile() === true && present.size === blob.size) return;
    await placeFile(file, source.open(blob, limited), limited);
    made.file(file);
  });
  const marker = join(path, LAYOUT_FILE);
  if ((await stat(marker).catch(() => undefined)) === undefined) {
    await placeFile(marker, [LAYOUT_BYTES], options);
    made.file(marker);
  }
  options.signal?.throwIfAborted();
  await placeFile(join(path, LAYOUT_INDEX_FILE), [encodeLayoutIndex(entries)], options);
}

/** What the layout at `path` lists; `undefined` when there is none yet. */
async function existingEntries(path: string): Promise<readonly Descriptor[] | undefined> {
  const found = await stat(path).catch(() => undefined);
  if (found === undefined) return undefined;
  if (!found.isDirectory()) {
    throw invalidOutput(
      path,
      `output "${path}" expected to be a folder but is a file`,
      "Leave tar=false out to write a tarball.",
    );
  }
  const names = await readdir(path);
  if (names.length === 0) return undefined;
  if (!names.includes(LAYOUT_FILE)) {
    throw invalidOutput(path, `folder "${path}" is neither empty nor an OCI layout`, "Name another folder.");
  }
  const where = `layout "${path}"`;
  checkLayoutFile(await readFile(join(path, LAYOUT_FILE)), where);
  if (!names.includes(LAYOUT_INDEX_FILE)) return [];
  const index = await readFile(join(path, LAYOUT_INDEX_FILE));
  if (index.length > INDEX_LIMIT_BYTES)
    throw invalidOutput(path, `the index of ${where} has over ${INDEX_LIMIT_BYTES} bytes`);
  return (await parseLayoutIndex(index, where)).manifests;
}
