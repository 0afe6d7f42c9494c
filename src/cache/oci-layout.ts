/** OCI layout folders: making an empty one, and reading those of others. @spec image-layout.md */
import { existsSync, mkdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { OcibuildError } from "../errors.js";
import type { Abortable, BlobReader } from "../oci/blobs.js";
import {
  checkLayoutFile,
  findEntry,
  LAYOUT_BYTES,
  LAYOUT_FILE,
  LAYOUT_INDEX_FILE,
  layoutBlobPath,
  parseLayoutIndex,
} from "../oci/layout.js";
import type { Descriptor, ImageIndex } from "../oci/types.js";
import { EMPTY_INDEX, formatIndexDocument } from "./index-document.js";
import { PendingFile, syncFolder } from "./pending-file.js";
import { readSmallFile } from "./sealed-file.js";
import { storeError } from "./store-error.js";
import { readVerified } from "./verified-file.js";

/** Limit for the documents of a layout that somebody else wrote. */
const LIMIT_BYTES = 4 * 1024 * 1024;

/**
 * Makes the folder `dir` a valid, empty OCI layout; what is there already stays. Not for two processes at once: the
 * caller holds a lock. `tmp` is a folder on the same file system.
 * @throws STORE_UNUSABLE
 */
export async function createLayout(dir: string, tmp: string): Promise<void> {
  try {
    mkdirSync(join(dir, "blobs", "sha256"), { recursive: true, mode: 0o700 });
  } catch (error) {
    throw storeError(error, "create", dir);
  }
  await writeMissing(join(dir, LAYOUT_FILE), LAYOUT_BYTES, tmp);
  await writeMissing(join(dir, LAYOUT_INDEX_FILE), formatIndexDocument(EMPTY_INDEX), tmp);
  for (const folder of [join(dir, "blobs"), dir, join(dir, "..")]) syncFolder(folder);
}

async function writeMissing(path: string, content: Buffer, tmp: string): Promise<void> {
  if (existsSync(path)) return;
  const file = PendingFile.create(tmp);
  file.write(content);
  await file.commit(path);
}

/** An OCI layout folder of somebody else, only read. */
export interface OciLayout {
  /** Never moves or changes anything, also not what is damaged. */
  readonly blobs: BlobReader;
  readonly index: ImageIndex;
  /**
   * The entry that `wanted` names: a digest, a whole name, or a tag as the layout has it. Without `wanted` the layout
   * must hold one image.
   * @throws IMAGE_NOT_FOUND
   */
  find(wanted?: string): Descriptor;
}

/**
 * Opens the OCI layout in the folder `dir` (absolute).
 * @throws IMAGE_NOT_FOUND when there is none, DOCUMENT_INVALID
 */
export async function openLayout(dir: string): Promise<OciLayout> {
  checkLayoutFile(readDocument(dir, LAYOUT_FILE), `"${dir}"`);
  const index = await parseLayoutIndex(readDocument(dir, LAYOUT_INDEX_FILE), `"${dir}"`);
  const pathOf = (blob: Descriptor): string => join(dir, layoutBlobPath(blob.digest));
  const blobs: BlobReader = {
    async has(blob: Descriptor, options: Abortable = {}): Promise<boolean> {
      options.signal?.throwIfAborted();
      const stat = statSync(pathOf(blob), { throwIfNoEntry: false });
      return stat?.isFile() === true && stat.size === blob.size;
    },
    open: (blob, options) => readVerified(pathOf(blob), blob, options),
  };
  return { blobs, index, find: (wanted) => findEntry(index, wanted, `OCI layout "${dir}"`) };
}

function readDocument(dir: string, name: string): Buffer {
  const bytes = readSmallFile(join(dir, name), LIMIT_BYTES);
  if (bytes !== undefined) return bytes;
  throw new OcibuildError("IMAGE_NOT_FOUND", `"${dir}" is no OCI layout: expected a readable file "${name}"`, {
    details: { reference: dir },
    hint: `An OCI layout is a folder with "${LAYOUT_FILE}", "${LAYOUT_INDEX_FILE}" and "blobs/".`,
  });
}
