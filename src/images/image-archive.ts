/**
 * An archive of several images: an OCI layout in a tarball that is what `docker save` writes as well, so that docker,
 * podman and skopeo each find in it what they look for.
 */
import type { Abortable, BlobReader } from "../oci/blobs.js";
import {
  encodeLayoutIndex,
  LAYOUT_BYTES,
  LAYOUT_FILE,
  LAYOUT_INDEX_FILE,
  layoutBlobPath,
  namedEntries,
  REF_NAME,
} from "../oci/layout.js";
import { isConfigMediaType } from "../oci/media-types.js";
import { hostPlatform, matchPlatform } from "../oci/platform.js";
import { formatReference, type Reference } from "../oci/reference.js";
import type { Descriptor } from "../oci/types.js";
import { DOCKER_MANIFEST_FILE } from "../output/docker-manifest.js";
import type { Document } from "../output/image-content.js";
import { type ArchiveFile, packArchive } from "../tar/archive.js";
import { blobsOf, type Content, type ContentManifest, isAttestation } from "./content.js";

/** An image and what it is called in the archive. */
export interface ArchivedImage {
  readonly content: Content;
  readonly names: readonly Reference[];
  /** What the OCI layout calls it instead, as it is written. */
  readonly refName?: string | undefined;
}

/** The bytes of the archive. No clock: equal images give equal archives. */
export function packImages(
  images: readonly ArchivedImage[],
  blobs: BlobReader,
  options: Abortable = {},
): AsyncIterable<Buffer> {
  return packArchive(archiveFiles(images, blobs, options), { mtimeSeconds: 0, ...options });
}

/** Small documents first, so that a reader finds them without passing the layers. */
function* archiveFiles(
  images: readonly ArchivedImage[],
  blobs: BlobReader,
  options: Abortable,
): Generator<ArchiveFile, void, undefined> {
  yield documentFile(LAYOUT_FILE, LAYOUT_BYTES);
  yield documentFile(DOCKER_MANIFEST_FILE, dockerManifest(images));
  const entries = images.flatMap(entriesOf);
  yield documentFile(LAYOUT_INDEX_FILE, encodeLayoutIndex(entries));
  // Said although files below follow: see output/oci-archive.ts.
  for (const folder of ["blobs/", "blobs/sha256/"]) yield documentFile(folder, Buffer.alloc(0));
  const documents = images.flatMap(({ content }): Document[] => [
    content.root,
    ...content.indexes,
    ...content.manifests,
  ]);
  for (const { descriptor, bytes } of unique(documents)) {
    yield documentFile(layoutBlobPath(descriptor.digest), bytes);
  }
  const all = images.flatMap(({ content }) => blobsOf(content)).map((descriptor) => ({ descriptor }));
  for (const { descriptor } of unique(all)) {
    const { digest, size } = descriptor;
    yield { name: layoutBlobPath(digest), sizeBytes: size, body: blobs.open(descriptor, options) };
  }
}

/** The entries of an image in the index of a layout. */
export function entriesOf({ content, names, refName }: ArchivedImage): readonly Descriptor[] {
  const { descriptor } = content.root;
  const entries = namedEntries(descriptor, tagged(names));
  if (refName === undefined) return entries;
  return entries.map((entry) => ({ ...entry, annotations: { ...entry.annotations, [REF_NAME]: refName } }));
}

/** Docker's list has one image for each name: of several platforms this machine's, or the first. */
function dockerManifest(images: readonly ArchivedImage[]): Buffer {
  const items = new Map<string, { Config: string; RepoTags: string[]; Layers: string[] }>();
  for (const { content, names } of images) {
    const image = chosenManifest(content);
    if (image === undefined) continue;
    const { config, layers } = image.manifest;
    const item = items.get(config.digest) ?? {
      Config: layoutBlobPath(config.digest),
      RepoTags: [],
      Layers: layers.map((layer) => layoutBlobPath(layer.digest)),
    };
    for (const name of tagged(names)) {
      // In full: podman takes a short name among several for one of its own (`localhost/…`).
      const shown = formatReference(name);
      if (!item.RepoTags.includes(shown)) item.RepoTags.push(shown);
    }
    items.set(config.digest, item);
  }
  return Buffer.from(JSON.stringify([...items.values()]), "utf8");
}

function chosenManifest({ manifests }: Content): ContentManifest | undefined {
  const images = manifests.filter(
    ({ descriptor, manifest }) => !isAttestation(descriptor) && isConfigMediaType(manifest.config.mediaType),
  );
  const host = hostPlatform();
  const suiting = images.find(
    ({ descriptor }) => descriptor.platform !== undefined && matchPlatform(descriptor.platform, host) !== undefined,
  );
  return suiting ?? images[0];
}

/** Names with a tag: others cannot be loaded. */
function tagged(names: readonly Reference[]): readonly Reference[] {
  return names.filter((name) => name.tag !== undefined && name.digest === undefined);
}

function documentFile(name: string, bytes: Buffer): ArchiveFile {
  return { name, sizeBytes: bytes.length, body: [bytes] };
}

function unique<T extends { readonly descriptor: Descriptor }>(items: readonly T[]): T[] {
  return [...new Map(items.map((item) => [item.descriptor.digest, item])).values()];
}
