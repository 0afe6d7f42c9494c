/**
 * Recomputes everything that an image says of itself: digests, sizes, diffIDs, media types, counts. Every test that ends
 * in an image calls it; users may, too.
 */
import { createHash } from "node:crypto";
import * as zlib from "node:zlib";
import { OcibuildError } from "../errors.js";
import type { Abortable, BlobReader } from "../oci/blobs.js";
import { digestFromHash } from "../oci/digest.js";
import { parseImageConfig, parseManifestOrIndex } from "../oci/documents.js";
import { isConfigMediaType, type LayerCompression, MEDIA_TYPES, parseLayerMediaType } from "../oci/media-types.js";
import { formatPlatform, samePlatform } from "../oci/platform.js";
import type { Descriptor, ImageConfig, Layer, Manifest } from "../oci/types.js";
import { readBlob, verifiedBlob } from "../oci/verified-blob.js";
import { MAX_DOCUMENT_BYTES } from "../util/strict-json.js";

export interface ImageReport {
  /** `os/architecture[/variant]`. */
  readonly platform: string;
  readonly descriptor: Descriptor;
  readonly config: ImageConfig;
  /** Base layer first. */
  readonly layers: readonly Layer[];
}

/** The images that a descriptor leads to, in the order of their index. */
export interface ValidationReport {
  readonly images: readonly ImageReport[];
}

/**
 * Checks the manifest or index `descriptor` and all it refers to.
 * @throws DOCUMENT_INVALID, its message one line for each defect
 */
export async function validateImage(
  blobs: BlobReader,
  descriptor: Descriptor,
  options: Abortable = {},
): Promise<ValidationReport> {
  const validator = new Validator(blobs, options);
  await validator.root(descriptor, 0);
  options.signal?.throwIfAborted();
  if (validator.defects.length === 0) return { images: validator.images };
  throw new OcibuildError(
    "DOCUMENT_INVALID",
    `image ${descriptor.digest} has ${validator.defects.length} defects:\n${validator.defects.map((line) => `- ${line}`).join("\n")}`,
    { details: { document: descriptor.digest } },
  );
}

const MAX_DEPTH = 4;

class Validator {
  readonly defects: string[] = [];
  readonly images: ImageReport[] = [];
  readonly #blobs: BlobReader;
  readonly #options: Abortable;

  constructor(blobs: BlobReader, options: Abortable) {
    this.#blobs = blobs;
    this.#options = options;
  }

  async root(descriptor: Descriptor, depth: number): Promise<void> {
    await this.#collecting(`manifest ${descriptor.digest}`, async () => {
      if (depth > MAX_DEPTH) throw new Error("indexes are nested too deep");
      const bytes = await readBlob(this.#blobs, descriptor, MAX_DOCUMENT_BYTES, this.#options);
      const document = await parseManifestOrIndex(bytes, {
        name: `manifest ${descriptor.digest}`,
        mediaType: descriptor.mediaType,
      });
      if (document.kind === "manifest") return this.#manifest(descriptor, document.manifest);
      const platforms = new Set<string>();
      for (const child of document.index.manifests) {
        const platform = child.platform === undefined ? "" : formatPlatform(child.platform);
        if (platform !== "" && platform !== "unknown/unknown" && platforms.has(platform)) {
          this.defects.push(`index ${descriptor.digest} has several manifests for ${platform}`);
        }
        platforms.add(platform);
        await this.root(child, depth + 1);
      }
    });
  }

  async #manifest(descriptor: Descriptor, manifest: Manifest): Promise<void> {
    const name = `manifest ${descriptor.digest}`;
    const family = descriptor.mediaType === MEDIA_TYPES.docker.manifest ? "docker" : "oci";
    this.#assert(manifest.mediaType === descriptor.mediaType, `${name} does not say its media type`);
    this.#assert(
      isConfigMediaType(manifest.config.mediaType),
      `${name} has a config of type "${manifest.config.mediaType}"`,
    );
    this.#assert(
      manifest.config.mediaType === MEDIA_TYPES[family].config,
      `${name} mixes media types: its config is "${manifest.config.mediaType}"`,
    );
    const config = await this.#config(descriptor, manifest);
    for (const [at, layer] of manifest.layers.entries()) {
      await this.#collecting(`layer ${at} (${layer.digest})`, () =>
        this.#layer(layer, family, config?.rootfs.diff_ids[at]),
      );
    }
    if (config === undefined) return;
    const layers = manifest.layers.map((layer, at) => ({ descriptor: layer, diffId: config.rootfs.diff_ids[at]! }));
    this.images.push({ platform: formatPlatform(config), descriptor, config, layers });
  }

  async #config(descriptor: Descriptor, manifest: Manifest): Promise<ImageConfig | undefined> {
    const name = `config ${manifest.config.digest}`;
    return this.#collecting(name, async () => {
      const bytes = await readBlob(this.#blobs, manifest.config, MAX_DOCUMENT_BYTES, this.#options);
      const config = await parseImageConfig(bytes, { name, layerCount: manifest.layers.length });
      const described = config.history?.filter((entry) => entry.empty_layer !== true).length;
      this.#assert(
        described === undefined || described === manifest.layers.length,
        `${name} has history for ${described} layers but there are ${manifest.layers.length}`,
      );
      this.#assert(
        descriptor.platform === undefined || samePlatform(descriptor.platform, config),
        `${name} is for ${formatPlatform(config)} but its descriptor says ${formatPlatform(descriptor.platform ?? config)}`,
      );
      for (const created of [config.created, ...(config.history ?? []).map((entry) => entry.created)]) {
        this.#assert(created === undefined || RFC_3339.test(created), `${name} has a time that is none: "${created}"`);
      }
      return config;
    });
  }

  async #layer(layer: Descriptor, family: "oci" | "docker", diffId: string | undefined): Promise<void> {
    const type = parseLayerMediaType(layer.mediaType);
    if (type === undefined) throw new Error(`media type "${layer.mediaType}" is not known`);
    this.#assert(type.family === family, `layer ${layer.digest} mixes media types: "${layer.mediaType}"`);
    const hash = createHash("sha256");
    const chunks = verifiedBlob(this.#blobs.open(layer, this.#options), layer);
    for await (const chunk of decompressed(chunks, type.compression)) hash.update(chunk);
    const actual = digestFromHash(hash.digest());
    this.#assert(
      diffId === undefined || actual === diffId,
      `layer ${layer.digest} has diffID ${actual} but the config says ${diffId}`,
    );
  }

  #assert(good: boolean, defect: string): void {
    if (!good) this.defects.push(defect);
  }

  async #collecting<T>(what: string, action: () => Promise<T>): Promise<T | undefined> {
    try {
      return await action();
    } catch (error) {
      this.#options.signal?.throwIfAborted();
      this.defects.push(`${what}: ${error instanceof Error ? error.message : String(error)}`);
      return undefined;
    }
  }
}

const RFC_3339 = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,9})?(?:Z|[+-]\d\d:\d\d)$/;

type ZstdZlib = typeof zlib & { readonly createZstdDecompress?: () => NodeJS.ReadWriteStream & AsyncIterable<Buffer> };

async function* decompressed(chunks: AsyncIterable<Buffer>, compression: LayerCompression): AsyncGenerator<Buffer> {
  if (compression === "uncompressed") {
    yield* chunks;
    return;
  }
  const { pipeline, Readable } = await import("node:stream");
  const inflater = compression === "gzip" ? zlib.createGunzip() : (zlib as ZstdZlib).createZstdDecompress?.();
  if (inflater === undefined) throw new Error("this Node cannot read zstd");
  // Errors of the source reach the reader through the inflater, which pipeline destroys with them.
  pipeline(Readable.from(chunks), inflater, () => undefined);
  yield* inflater as AsyncIterable<Buffer>;
}
