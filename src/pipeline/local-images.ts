/** Base images from files of this machine: OCI layouts as folders, and tarballs of images. */
import { createReadStream, statSync } from "node:fs";
import { importImageArchive } from "../cache/image-archive.js";
import type { StepKeyParts } from "../cache/key.js";
import { openLayout } from "../cache/oci-layout.js";
import type { Store } from "../cache/store.js";
import { decompressAs } from "../compression/decompress.js";
import { OcibuildError } from "../errors.js";
import type { Abortable, BlobReader } from "../oci/blobs.js";
import { findEntry } from "../oci/layout.js";
import { readImage } from "../oci/read-image.js";
import type { Descriptor, Image, ImageIndex, Platform } from "../oci/types.js";

const SCHEMES = ["oci-layout://", "oci-archive://", "docker-archive://"];
const CHUNK_BYTES = 1 << 20;

/** The scheme of a reference to a local file, or `undefined` for names of images. */
export function localImageScheme(reference: string): string | undefined {
  return SCHEMES.find((scheme) => reference.startsWith(scheme));
}

/** What `SCHEME://PATH[:TAG][@DIGEST]` names: the image, and where its blobs are. */
export interface LocalImage {
  readonly image: Image;
  readonly blobs: BlobReader;
}

/** @throws REFERENCE_INVALID, IMAGE_NOT_FOUND, DOCUMENT_INVALID, PLATFORM_NOT_FOUND, TAR_INVALID */
export async function readLocalImage(
  store: Store,
  reference: string,
  platform: Platform,
  options: Abortable,
): Promise<LocalImage> {
  const scheme = localImageScheme(reference)!;
  const { path, wanted } = parseLocation(reference.slice(scheme.length), reference);
  if (isFolder(path, reference)) {
    const { blobs, find } = await openLayout(path);
    return { image: await readImage(blobs, find(wanted), { platform, reference, ...options }), blobs };
  }
  const index = await archiveIndex(store, path, options);
  const descriptor = findEntry(index, wanted, `archive "${path}"`);
  return { image: await readImage(store.blobs, descriptor, { platform, reference, ...options }), blobs: store.blobs };
}

function parseLocation(text: string, reference: string): { path: string; wanted: string | undefined } {
  const match = /^(.*?)(?::([A-Za-z0-9_][A-Za-z0-9._-]{0,127}))?(?:@(sha256:[0-9a-f]{64}))?$/s.exec(text);
  const [, path = "", tag, digest] = match ?? [];
  if (path !== "") return { path, wanted: digest ?? tag };
  throw new OcibuildError("REFERENCE_INVALID", `"${reference}" names no file`, {
    details: { reference },
    hint: 'Expected "SCHEME://PATH", "SCHEME://PATH:TAG" or "SCHEME://PATH@sha256:…".',
  });
}

function isFolder(path: string, reference: string): boolean {
  const stat = statSync(path, { throwIfNoEntry: false });
  if (stat !== undefined) return stat.isDirectory();
  throw new OcibuildError("IMAGE_NOT_FOUND", `"${path}" does not exist`, { details: { reference } });
}

/** What the archive holds; its blobs are in the store then. An archive that was read before is not read again. */
async function archiveIndex(store: Store, path: string, options: Abortable): Promise<ImageIndex> {
  const { size, mtimeMs, ctimeMs, ino } = statSync(path);
  const parts: StepKeyParts = {
    kind: "archive",
    platform: "",
    projection: { path, size, mtime: String(mtimeMs), ctime: String(ctimeMs), inode: String(ino) },
    parent: null,
    inputs: [],
  };
  const known = store.steps.get(parts)?.result as { readonly manifests?: readonly Descriptor[] } | undefined;
  if (known?.manifests?.every((manifest) => store.blobs.isPresent(manifest)) === true) {
    return { schemaVersion: 2, manifests: known.manifests };
  }
  const chunks = createReadStream(path, { highWaterMark: CHUNK_BYTES }) as AsyncIterable<Buffer>;
  const index = await importImageArchive(store.blobs, await plain(chunks, options), `archive "${path}"`, options);
  store.steps.put(parts, { manifests: index.manifests as never });
  return index;
}

/** The bytes of an archive that may be gzipped. */
async function plain(chunks: AsyncIterable<Buffer>, options: Abortable): Promise<AsyncIterable<Buffer>> {
  const iterator = chunks[Symbol.asyncIterator]();
  const first = await iterator.next();
  async function* all(): AsyncGenerator<Buffer> {
    if (first.done === true) return;
    yield first.value;
    yield* { [Symbol.asyncIterator]: () => iterator };
  }
  const isGzip = first.done !== true && first.value[0] === 0x1f && first.value[1] === 0x8b;
  return isGzip ? decompressAs(all(), "gzip", options) : all();
}
