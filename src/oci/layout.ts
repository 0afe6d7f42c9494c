/**
 * The documents of an OCI image layout as pure functions over bytes: `oci-layout`, `index.json`, names of images in it.
 * Files are read and written elsewhere. @spec image-layout.md
 */
import { OcibuildError } from "../errors.js";
import { decodeStrictJson, isJsonObject } from "../util/strict-json.js";
import { type Digest, hexOf } from "./digest.js";
import { parseIndex } from "./documents.js";
import { encodeIndex } from "./encode.js";
import { MEDIA_TYPES } from "./media-types.js";
import { formatReference, type Reference } from "./reference.js";
import type { Descriptor, ImageIndex } from "./types.js";

export const LAYOUT_FILE = "oci-layout";
export const LAYOUT_INDEX_FILE = "index.json";
/** Content of the `oci-layout` file. */
export const LAYOUT_BYTES: Buffer = Buffer.from('{"imageLayoutVersion":"1.0.0"}', "utf8");

/** What an image is called in a layout. BuildKit and podman put the tag alone here. @spec annotations.md */
export const REF_NAME = "org.opencontainers.image.ref.name";
/** The whole name, as containerd, BuildKit and podman read and write it. */
export const CONTAINERD_NAME = "io.containerd.image.name";

const LAYOUT_DOCUMENT_BYTES = 64 * 1024;
/** A layout lists images; it is no index that somebody pulls. */
const MAX_IMAGES = 100_000;

/** Path of a blob in a layout, with slashes. */
export function layoutBlobPath(digest: Digest): string {
  return `blobs/sha256/${hexOf(digest)}`;
}

/**
 * Checks an `oci-layout` file; `where` names the layout in errors.
 * @throws DOCUMENT_INVALID
 */
export function checkLayoutFile(bytes: Uint8Array, where: string): void {
  const document = `${LAYOUT_FILE} of ${where}`;
  const value = decodeStrictJson(bytes, { document, maxBytes: LAYOUT_DOCUMENT_BYTES });
  const version = isJsonObject(value) ? value["imageLayoutVersion"] : undefined;
  if (typeof version === "string" && /^1\.[0-9]+\.[0-9]+$/.test(version)) return;
  throw new OcibuildError(
    "DOCUMENT_INVALID",
    `${document} is not valid: expected imageLayoutVersion "1.0.0" but got ${JSON.stringify(version ?? null).slice(0, 80)}`,
    { details: { document } },
  );
}

/**
 * Reads the `index.json` of a layout.
 * @throws DOCUMENT_INVALID
 */
export async function parseLayoutIndex(bytes: Uint8Array, where: string, validated?: boolean): Promise<ImageIndex> {
  return parseIndex(bytes, {
    name: `${LAYOUT_INDEX_FILE} of ${where}`,
    maxChildren: MAX_IMAGES,
    ...(validated === undefined ? {} : { validated }),
  });
}

/** The `index.json` of a layout that holds `entries`. */
export function encodeLayoutIndex(entries: readonly Descriptor[]): Buffer {
  return encodeIndex({ schemaVersion: 2, mediaType: MEDIA_TYPES.oci.index, manifests: entries });
}

/** The entries under which `image` stands in a layout: one for each name, one without a name when there are none. */
export function namedEntries(image: Descriptor, names: readonly Reference[]): Descriptor[] {
  if (names.length === 0) return [image];
  return names.map((name) => ({
    ...image,
    annotations: {
      ...image.annotations,
      [CONTAINERD_NAME]: formatReference(name),
      ...(name.tag === undefined ? {} : { [REF_NAME]: name.tag }),
    },
  }));
}

/**
 * `entries` with `added`: an entry of the same name gives way, as does an unnamed one of the same digest. Keeps the
 * order of what stays.
 */
export function replaceEntries(entries: readonly Descriptor[], added: readonly Descriptor[]): Descriptor[] {
  const identity = (entry: Descriptor): string =>
    entry.annotations?.[CONTAINERD_NAME] ?? entry.annotations?.[REF_NAME] ?? entry.digest;
  const replaced = new Set(added.map(identity));
  return [...entries.filter((entry) => !replaced.has(identity(entry))), ...added];
}

/**
 * The entry that `wanted` names: a digest, a whole name or a tag as the layout has it. Without `wanted` the layout must
 * hold one image.
 * @throws IMAGE_NOT_FOUND
 */
export function findEntry(index: ImageIndex, wanted: string | undefined, where: string): Descriptor {
  const matches =
    wanted === undefined
      ? index.manifests
      : index.manifests.filter(
          ({ digest, annotations }) =>
            digest === wanted || annotations?.[CONTAINERD_NAME] === wanted || annotations?.[REF_NAME] === wanted,
        );
  const digests = new Set(matches.map(({ digest }) => digest));
  if (digests.size === 1) return matches[0]!;
  const names = index.manifests.map(
    ({ digest, annotations }) => annotations?.[CONTAINERD_NAME] ?? annotations?.[REF_NAME] ?? digest,
  );
  const what =
    wanted === undefined
      ? `${where} holds ${digests.size} images, expected one`
      : digests.size === 0
        ? `${where} has no image "${wanted}"`
        : `"${wanted}" names ${digests.size} images in ${where}`;
  throw new OcibuildError("IMAGE_NOT_FOUND", what, {
    details: { reference: wanted ?? where },
    hint: names.length === 0 ? "It is empty." : `It holds ${[...new Set(names)].slice(0, 20).join(", ")}.`,
  });
}
