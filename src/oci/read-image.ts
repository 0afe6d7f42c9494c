/** From the descriptor of a manifest or an index to the image for a platform, every document checked. */
import { OcibuildError } from "../errors.js";
import { MAX_DOCUMENT_BYTES } from "../util/strict-json.js";
import type { Abortable, BlobReader } from "./blobs.js";
import { type ExpectedDocument, embeddedData, parseImageConfig, parseManifestOrIndex } from "./documents.js";
import { isConfigMediaType, parseLayerMediaType } from "./media-types.js";
import { choosePlatform, normalizePlatform } from "./platform.js";
import type { Descriptor, Image, Manifest, Platform } from "./types.js";
import { readBlob } from "./verified-blob.js";

export interface ReadImageOptions extends Abortable {
  /** Which entry of an index is taken. A manifest is taken whatever platform it is for, as Docker does. */
  readonly platform: Platform;
  /** How errors name the image. */
  readonly reference: string;
  /** The documents come from our own store: see `ExpectedDocument.validated`. */
  readonly validated?: boolean;
}

/** Indexes may hold indexes, so many deep. */
const MAX_INDEX_DEPTH = 4;

/**
 * The image that `descriptor` names. Its documents are read from `blobs`; its layers need not be there.
 * @throws DOCUMENT_INVALID, PLATFORM_NOT_FOUND, LIMIT_EXCEEDED, and what `blobs` throws
 */
export async function readImage(blobs: BlobReader, descriptor: Descriptor, options: ReadImageOptions): Promise<Image> {
  const { manifest, manifestDescriptor, manifestBytes } = await readManifest(blobs, descriptor, options);
  const name = `image "${options.reference}"`;
  if (!isConfigMediaType(manifest.config.mediaType)) {
    throw invalid(name, `expected an image but got an artifact with a config of type "${manifest.config.mediaType}"`);
  }
  for (const [at, layer] of manifest.layers.entries()) {
    if (parseLayerMediaType(layer.mediaType) === undefined) {
      throw invalid(name, `expected a layer but got "${layer.mediaType}" (layers[${at}])`);
    }
  }
  const configBytes = await readDocument(blobs, manifest.config, options);
  const config = await parseImageConfig(configBytes, {
    name: `config of ${name}`,
    layerCount: manifest.layers.length,
    ...validated(options),
  });
  return {
    descriptor: { ...withoutData(manifestDescriptor), platform: normalizePlatform(config) },
    manifest,
    manifestBytes,
    config,
    configBytes,
    layers: manifest.layers.map((layer, at) => ({ diffId: config.rootfs.diff_ids[at]!, descriptor: layer })),
  };
}

interface FoundManifest {
  readonly manifest: Manifest;
  readonly manifestDescriptor: Descriptor;
  readonly manifestBytes: Buffer;
}

async function readManifest(blobs: BlobReader, start: Descriptor, options: ReadImageOptions): Promise<FoundManifest> {
  const { platform, reference } = options;
  const seen = new Set<string>();
  for (let descriptor = start; ; ) {
    if (seen.has(descriptor.digest))
      throw invalid(`image "${reference}"`, `index ${descriptor.digest} contains itself`);
    if (seen.size > MAX_INDEX_DEPTH) {
      throw invalid(`image "${reference}"`, `expected at most ${MAX_INDEX_DEPTH} indexes in one another but got more`);
    }
    seen.add(descriptor.digest);
    const bytes = await readDocument(blobs, descriptor, options);
    const document = await parseManifestOrIndex(bytes, {
      name: `manifest ${descriptor.digest} of image "${reference}"`,
      mediaType: descriptor.mediaType,
      ...validated(options),
    });
    if (document.kind === "manifest") {
      return { manifest: document.manifest, manifestDescriptor: descriptor, manifestBytes: bytes };
    }
    descriptor = choosePlatform(document.index.manifests, platform, reference);
  }
}

async function readDocument(blobs: BlobReader, descriptor: Descriptor, options: ReadImageOptions): Promise<Buffer> {
  const embedded = embeddedData(descriptor, `image "${options.reference}"`);
  return embedded ?? readBlob(blobs, descriptor, MAX_DOCUMENT_BYTES, options);
}

function validated(options: ReadImageOptions): Pick<ExpectedDocument, "validated"> {
  return options.validated === undefined ? {} : { validated: options.validated };
}

function withoutData({ data: _data, ...descriptor }: Descriptor): Descriptor {
  return descriptor;
}

function invalid(document: string, reason: string): OcibuildError {
  return new OcibuildError("DOCUMENT_INVALID", `${document} is not valid: ${reason}`, { details: { document } });
}
