/**
 * Everything that a manifest or an index consists of, byte for byte: what is moved between stores, registries and
 * archives stays what it was, attestations and unknown properties included.
 */
import { OcibuildError } from "../errors.js";
import type { Abortable, BlobReader } from "../oci/blobs.js";
import type { Digest } from "../oci/digest.js";
import { embeddedData, parseManifestOrIndex } from "../oci/documents.js";
import { isIndexMediaType, isManifestMediaType, parseLayerMediaType } from "../oci/media-types.js";
import type { Descriptor, ImageIndex, Manifest } from "../oci/types.js";
import { readBlob } from "../oci/verified-blob.js";
import type { Document, ImageContent } from "../output/image-content.js";
import { MAX_DOCUMENT_BYTES } from "../util/strict-json.js";

/** A manifest as it stands in an index, or alone. */
export interface ContentManifest extends Document {
  readonly manifest: Manifest;
}

export interface Content {
  readonly root: Document;
  /** Of the root, where that is one. */
  readonly index: ImageIndex | undefined;
  /** Indexes below the root. */
  readonly indexes: readonly Document[];
  /** Those that were chosen and are there, in the order of the index. */
  readonly manifests: readonly ContentManifest[];
  /** Manifests that were left out: not chosen, or not there. */
  readonly left: readonly Descriptor[];
}

export interface ReadContentOptions extends Abortable {
  /** How errors name it. */
  readonly name: string;
  /** Which manifests of an index are wanted; all unless given. */
  readonly choose?: (index: ImageIndex) => readonly Descriptor[];
  /** Whether manifests that cannot be had are left out; else they are an error. */
  readonly tolerant?: boolean;
  /** The documents come from our own store: see `ExpectedDocument.validated`. */
  readonly validated?: boolean;
}

/** Indexes may hold indexes, so many deep (threat D5). */
const MAX_DEPTH = 4;

/** Reads the documents below `descriptor`; nothing of blobs. @throws DOCUMENT_INVALID, BLOB_…, REGISTRY_… */
export async function readContent(
  blobs: BlobReader,
  descriptor: Descriptor,
  options: ReadContentOptions,
): Promise<Content> {
  const read = await readDocument(blobs, descriptor, options);
  const root = { descriptor: read.descriptor, bytes: read.bytes };
  if (read.manifest !== undefined) {
    return { root, index: undefined, indexes: [], manifests: [{ ...root, manifest: read.manifest }], left: [] };
  }
  const collected: Collected = { indexes: [], manifests: [], left: [], seen: new Set([descriptor.digest]) };
  await collect(blobs, read.index!, collected, options, 1);
  return { root, index: read.index, ...collected };
}

/** As outputs take it: blobs of every kind count as layers. */
export function imageContentOf(content: Content): ImageContent {
  const manifests = content.index === undefined ? [] : [...content.manifests, ...content.indexes];
  return { root: content.root, manifests, configs: [], layers: blobsOf(content) };
}

/** Configs and layers, each once; layers that only their URLs have are not among them. */
export function blobsOf({ manifests }: Pick<Content, "manifests">): readonly Descriptor[] {
  const all = manifests.flatMap(({ manifest }) => [manifest.config, ...manifest.layers.filter(isDistributed)]);
  return [...new Map(all.map((blob) => [blob.digest, blob])).values()];
}

/** Whether the manifest tells of an image rather than being one: BuildKit's attestations. */
export function isAttestation(manifest: Descriptor): boolean {
  return manifest.annotations?.["vnd.docker.reference.type"] === "attestation-manifest";
}

interface Collected {
  readonly indexes: Document[];
  readonly manifests: ContentManifest[];
  readonly left: Descriptor[];
  readonly seen: Set<Digest>;
}

async function collect(
  blobs: BlobReader,
  index: ImageIndex,
  collected: Collected,
  options: ReadContentOptions,
  depth: number,
): Promise<void> {
  if (depth > MAX_DEPTH) {
    throw new OcibuildError("LIMIT_EXCEEDED", `"${options.name}" has indexes nested more than ${MAX_DEPTH} deep`, {
      details: { limit: "index depth", value: MAX_DEPTH },
    });
  }
  const chosen = options.choose?.(index) ?? index.manifests;
  collected.left.push(...index.manifests.filter((entry) => !chosen.includes(entry)));
  for (const entry of chosen) {
    if (collected.seen.has(entry.digest)) continue;
    collected.seen.add(entry.digest);
    if (!isManifestMediaType(entry.mediaType) && !isIndexMediaType(entry.mediaType)) {
      throw new OcibuildError("DOCUMENT_INVALID", `"${options.name}" lists "${entry.mediaType}", expected a manifest`, {
        details: { document: options.name },
      });
    }
    if (options.tolerant === true && !(await blobs.has(entry, options))) {
      collected.left.push(entry);
      continue;
    }
    const { descriptor, bytes, ...read } = await readDocument(blobs, entry, options);
    if (read.manifest !== undefined) collected.manifests.push({ descriptor, bytes, manifest: read.manifest });
    else {
      await collect(blobs, read.index!, collected, options, depth + 1);
      collected.indexes.push({ descriptor, bytes });
    }
  }
}

interface ReadDocument extends Document {
  readonly manifest?: Manifest;
  readonly index?: ImageIndex;
}

async function readDocument(
  blobs: BlobReader,
  descriptor: Descriptor,
  options: ReadContentOptions,
): Promise<ReadDocument> {
  const embedded = embeddedData(descriptor, `"${options.name}"`);
  const bytes = embedded ?? (await readBlob(blobs, descriptor, MAX_DOCUMENT_BYTES, options));
  const document = await parseManifestOrIndex(bytes, {
    name: `manifest ${descriptor.digest} of "${options.name}"`,
    mediaType: descriptor.mediaType,
    ...(options.validated === undefined ? {} : { validated: options.validated }),
  });
  return document.kind === "manifest"
    ? { descriptor, bytes, manifest: document.manifest }
    : { descriptor, bytes, index: document.index };
}

function isDistributed({ mediaType }: Descriptor): boolean {
  return parseLayerMediaType(mediaType)?.foreign !== true;
}
