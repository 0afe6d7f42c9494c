/** The OCI layout that a builder reads images from, and the one it writes the result to. */
import { existsSync, linkSync, mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type DiffId, digestOf, hexOf, parseDigest } from "../../oci/digest.js";
import type { Platform } from "../../oci/types.js";
import { bootId } from "../../util/process-owner.js";
import { executorFailed } from "../kit/failures.js";
import type { ScratchFolders } from "../kit/scratch-folders.js";
import type { EngineLayer } from "../kit/tar-parts.js";
import { LayoutDocumentSchema } from "./schemas.js";

/** What the image says of its commands: so none of it has to be an instruction. */
export interface ImageConfig {
  readonly Env?: readonly string[];
  readonly WorkingDir?: string;
  readonly User?: string;
}

const BLOBS = join("blobs", "sha256");
const LAYOUT = '{"imageLayoutVersion":"1.0.0"}';

export class LayoutFolder {
  readonly folder: string;
  readonly #scratch: ScratchFolders;

  /** Made when it is missing, and anew after a restart of the machine: nothing in it was synced to disk. */
  constructor(folder: string, scratch: ScratchFolders) {
    this.folder = folder;
    this.#scratch = scratch;
    const mark = join(folder, "boot");
    const boot = bootId() ?? "";
    if (existsSync(folder) && (!existsSync(mark) || readFileSync(mark, "utf8") !== boot)) scratch.discard(folder);
    mkdirSync(this.blobs, { recursive: true, mode: 0o700 });
    writeFileSync(mark, boot);
    writeFileSync(join(folder, "oci-layout"), LAYOUT);
    writeFileSync(join(folder, "index.json"), '{"schemaVersion":2,"manifests":[]}');
  }

  get blobs(): string {
    return join(this.folder, BLOBS);
  }

  /** Digest of the image of `layers`, all of which are here. */
  async image(layers: readonly EngineLayer[], platform: Platform, config: ImageConfig): Promise<string> {
    for (const layer of layers) await this.#keep(layer);
    const { os, architecture, variant } = platform;
    const configBytes = JSON.stringify({
      os,
      architecture,
      ...(variant === undefined ? {} : { variant }),
      config,
      rootfs: { type: "layers", diff_ids: layers.map(({ diffId }) => diffId) },
    });
    const manifest = JSON.stringify({
      schemaVersion: 2,
      mediaType: "application/vnd.oci.image.manifest.v1+json",
      config: {
        mediaType: "application/vnd.oci.image.config.v1+json",
        digest: this.#write(configBytes),
        size: Buffer.byteLength(configBytes),
      },
      layers: layers.map(({ diffId, sizeBytes }) => ({
        mediaType: "application/vnd.oci.image.layer.v1.tar",
        digest: diffId,
        size: sizeBytes,
      })),
    });
    return this.#write(manifest);
  }

  #write(content: string): string {
    const digest = digestOf(content);
    const path = join(this.blobs, hexOf(digest));
    if (!existsSync(path)) this.#publish(path, content);
    return digest;
  }

  /** Layers that were made in memory. */
  async #keep({ diffId, open }: EngineLayer): Promise<void> {
    const path = join(this.blobs, hexOf(diffId));
    if (existsSync(path)) return;
    const chunks: Buffer[] = [];
    for await (const chunk of open()) chunks.push(chunk);
    this.#publish(path, Buffer.concat(chunks));
  }

  #publish(path: string, content: string | Buffer): void {
    const folder = this.#scratch.make();
    writeFileSync(join(folder, "blob"), content);
    renameSync(join(folder, "blob"), path);
    void this.#scratch.remove(folder);
  }

  /** Makes `folder` a layout that has `layers` already: a builder sends only what is not there. */
  prepareOutput(folder: string, layers: readonly EngineLayer[]): void {
    mkdirSync(join(folder, BLOBS), { recursive: true, mode: 0o700 });
    for (const hex of new Set(layers.map(({ diffId }) => hexOf(diffId)))) {
      try {
        linkSync(join(this.blobs, hex), join(folder, BLOBS, hex));
      } catch {
        // On a file system without links it is sent.
      }
    }
  }
}

export interface ResultLayer {
  readonly path: string;
  readonly mediaType: string;
}

/** The layer above `layers` in the only image of the layout `folder`; `undefined` when nothing was changed. */
export function resultLayer(
  folder: string,
  layers: readonly { readonly diffId: DiffId }[],
  executor: string,
): ResultLayer | undefined {
  const read = (path: string): ReturnType<typeof LayoutDocumentSchema.parse> => {
    try {
      return LayoutDocumentSchema.parse(JSON.parse(readFileSync(path, "utf8")));
    } catch (cause) {
      throw executorFailed(executor, "the builder wrote no image that can be read", undefined, cause);
    }
  };
  const blob = (digest: string): string => join(folder, BLOBS, hexOf(parseDigest(digest)));
  let document = read(join(folder, "index.json"));
  while (document.layers === undefined) {
    const [manifest] = document.manifests ?? [];
    if (manifest === undefined) throw executorFailed(executor, "the builder wrote an image without a manifest");
    document = read(blob(manifest.digest));
  }
  const found = document.layers;
  const isBelow = layers.every(({ diffId }, index) => found[index]?.digest === diffId);
  if (!isBelow || found.length > layers.length + 1) {
    throw executorFailed(executor, "the builder wrote an image that is not the one it was given, and one layer");
  }
  const last = found[layers.length];
  return last && { path: blob(last.digest), mediaType: last.mediaType };
}
