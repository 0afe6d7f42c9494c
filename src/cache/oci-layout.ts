/** OCI layout folders: making an empty one, and reading those of others. @spec image-layout.md */
import { existsSync, mkdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { OcibuildError } from "../errors.js";
import type { Abortable, BlobReader } from "../oci/blobs.js";
import { hexOf } from "../oci/digest.js";
import type { Descriptor } from "../oci/types.js";
import {
  descriptorOf,
  EMPTY_INDEX,
  formatIndexDocument,
  parseIndexDocument,
  REF_NAME,
  referenceOf,
} from "./index-document.js";
import { PendingFile, syncFolder } from "./pending-file.js";
import { readSmallFile } from "./sealed-file.js";
import { storeError } from "./store-error.js";
import { readVerified } from "./verified-file.js";

/** Limit for the documents of a layout that somebody else wrote. */
const DOCUMENT_LIMIT_BYTES = 4 * 1024 * 1024;
const MARKER = '{"imageLayoutVersion":"1.0.0"}';

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
  await writeMissing(join(dir, "oci-layout"), Buffer.from(MARKER), tmp);
  await writeMissing(join(dir, "index.json"), formatIndexDocument(EMPTY_INDEX), tmp);
  for (const folder of [join(dir, "blobs"), dir, join(dir, "..")]) syncFolder(folder);
}

async function writeMissing(path: string, content: Buffer, tmp: string): Promise<void> {
  if (existsSync(path)) return;
  const file = PendingFile.create(tmp);
  file.write(content);
  await file.commit(path);
}

/** An OCI layout folder that is only read. */
export interface OciLayout extends BlobReader {
  readonly dir: string;
  /** Entries of `index.json` that can be used, in order. */
  readonly manifests: readonly Descriptor[];
  /**
   * The entry that `name` means: a reference name as other tools write it (`latest`, `app:1`), or a digest; without
   * `name` the only entry, or the one named `latest`.
   * @throws IMAGE_NOT_FOUND
   */
  find(name?: string): Descriptor;
}

/**
 * Opens the OCI layout in the folder `dir` (absolute).
 * @throws IMAGE_NOT_FOUND when there is none, DOCUMENT_INVALID
 */
export function openLayout(dir: string): OciLayout {
  assertMarker(dir);
  const path = join(dir, "index.json");
  const bytes = readSmallFile(path, DOCUMENT_LIMIT_BYTES);
  if (bytes === undefined) throw notLayout(dir, `a readable "index.json" of at most ${DOCUMENT_LIMIT_BYTES} bytes`);
  const manifests = parseIndexDocument(bytes, path).entries.flatMap((entry) => descriptorOf(entry) ?? []);
  const pathOf = (blob: Descriptor): string => join(dir, "blobs", "sha256", hexOf(blob.digest));
  return {
    dir,
    manifests,
    find: (name) => findManifest(dir, manifests, name),
    async has(blob: Descriptor, options: Abortable = {}): Promise<boolean> {
      options.signal?.throwIfAborted();
      const stat = statSync(pathOf(blob), { throwIfNoEntry: false });
      return stat?.isFile() === true && stat.size === blob.size;
    },
    open: (blob, options) => readVerified(pathOf(blob), blob, options),
  };
}

function assertMarker(dir: string): void {
  const marker = readSmallFile(join(dir, "oci-layout"), DOCUMENT_LIMIT_BYTES);
  if (marker === undefined) throw notLayout(dir, 'a file "oci-layout"');
  let version: unknown;
  try {
    version = (JSON.parse(marker.toString("utf8")) as { imageLayoutVersion?: unknown } | null)?.imageLayoutVersion;
  } catch {
    version = undefined;
  }
  if (typeof version !== "string" || !version.startsWith("1.")) throw notLayout(dir, 'imageLayoutVersion "1.0.0"');
}

function findManifest(dir: string, manifests: readonly Descriptor[], name: string | undefined): Descriptor {
  const found =
    name === undefined
      ? manifests.length === 1
        ? manifests[0]
        : manifests.findLast((entry) => nameOf(entry) === "latest")
      : manifests.findLast((entry) => nameOf(entry) === name || referenceOf(entry) === name || entry.digest === name);
  if (found !== undefined) return found;
  const names = manifests.map((entry) => `"${referenceOf(entry) ?? entry.digest}"`);
  const shown = names.length > 10 ? [...names.slice(0, 10), "…"] : names;
  throw new OcibuildError(
    "IMAGE_NOT_FOUND",
    name === undefined
      ? `OCI layout "${dir}" expected one image or one named "latest" but got ${manifests.length}`
      : `image "${name}" is not in the OCI layout "${dir}"`,
    {
      details: { reference: name ?? dir },
      hint: shown.length === 0 ? "It is empty." : `It holds ${shown.join(", ")}.`,
    },
  );
}

function nameOf(descriptor: Descriptor): string | undefined {
  const { annotations } = descriptor;
  return annotations !== undefined && Object.hasOwn(annotations, REF_NAME) ? annotations[REF_NAME] : undefined;
}

function notLayout(dir: string, expected: string): OcibuildError<"IMAGE_NOT_FOUND"> {
  return new OcibuildError("IMAGE_NOT_FOUND", `"${dir}" is no OCI layout: expected ${expected}`, {
    details: { reference: dir },
    hint: 'An OCI layout is a folder with "oci-layout", "index.json" and "blobs/".',
  });
}
