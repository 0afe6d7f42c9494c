/** Images in the engine, made of layers that it may have already: a layer goes over the wire once. */
import { createHash } from "node:crypto";
import { type DiffId, digestOf, hexOf } from "../../oci/digest.js";
import type { Platform } from "../../oci/types.js";
import { type ArchiveFile, packArchive } from "../../tar/archive.js";
import { SharedWork } from "../../util/shared-work.js";
import { executorFailed } from "../kit/failures.js";
import type { EngineLayer } from "../kit/tar-parts.js";
import { DOCKER, type Engine } from "./engine.js";
import { keptLabels, LAYERS, REPOSITORY } from "./labels.js";
import { ImagesSchema } from "./schemas.js";

export class EngineImages {
  readonly #engine: Engine;
  /** When images were made, by the engine's clock: the oldest are removed first. */
  readonly #created: string;
  readonly #made = new SharedWork<string>();
  #known: Promise<readonly (readonly string[])[]> | undefined;

  constructor(engine: Engine, created: string) {
    this.#engine = engine;
    this.#created = created;
  }

  /** Name of the image with `layers`, base layer first; at least one. @throws EXECUTOR_FAILED, what layers throw */
  async ensure(layers: readonly EngineLayer[], platform: Platform, signal: AbortSignal): Promise<string> {
    const name = nameOf(layers, platform);
    let isNew = false;
    const make = (): Promise<string> => {
      isNew = true;
      return this.#make(name, layers, platform, signal);
    };
    await this.#made.get(name, signal, make);
    if (isNew || (await this.#isThere(name, signal))) return name;
    // Somebody has removed what was there before.
    await this.forget(name);
    return this.#made.get(name, signal, make);
  }

  /** Lets the next caller look again whether the image is there. */
  forget(name: string): Promise<void> {
    this.#known = undefined;
    return this.#made.refresh(name, () => true);
  }

  async #make(name: string, layers: readonly EngineLayer[], platform: Platform, signal: AbortSignal): Promise<string> {
    if (await this.#isThere(name, signal)) return name;
    const wanted = layers.map(({ diffId }) => hexOf(diffId));
    const known = await this.#knownChains(signal);
    const has = Math.max(0, ...known.map((chain) => commonLength(chain, wanted)));
    // An engine that does not have after all what it said to have gets everything.
    for (const from of has > 0 ? [has, 0] : [0]) {
      const problem = await this.#load(name, layers, from, platform, signal);
      if (await this.#isThere(name, signal)) {
        this.#known = Promise.resolve([...known, wanted]);
        return name;
      }
      if (from === 0) throw executorFailed(DOCKER, `the engine did not take an image: ${problem}`);
    }
    return name;
  }

  async #isThere(name: string, signal: AbortSignal): Promise<boolean> {
    const { status } = await this.#engine.done({ method: "GET", path: `/images/${name}/json`, signal }, [404]);
    return status !== 404;
  }

  /** Layers of the images that we have made there. */
  #knownChains(signal: AbortSignal): Promise<readonly (readonly string[])[]> {
    const filters = JSON.stringify({ label: [LAYERS] });
    this.#known ??= this.#engine
      .json({ method: "GET", path: "/images/json", query: { filters }, signal }, ImagesSchema)
      .then((images) => images.map(({ Labels }) => (Labels?.[LAYERS] ?? "").split(",")));
    this.#known.catch(() => {
      this.#known = undefined;
    });
    return this.#known;
  }

  /** Sends the image without its first `from` layers; returns what the engine said. */
  async #load(
    name: string,
    layers: readonly EngineLayer[],
    from: number,
    platform: Platform,
    signal: AbortSignal,
  ): Promise<string> {
    const files = imageFiles(name, layers, from, platform, this.#created);
    const tar = packArchive(files, { mtimeSeconds: 0, signal });
    const query = { quiet: "1" };
    const { text } = await this.#engine.done({ method: "POST", path: "/images/load", query, tar, signal }, [400, 500]);
    return text.trim().slice(0, 1000);
  }
}

function commonLength(chain: readonly string[], wanted: readonly string[]): number {
  let length = 0;
  while (length < wanted.length && chain[length] === wanted[length]) length++;
  return length;
}

function nameOf(layers: readonly EngineLayer[], platform: Platform): string {
  const words = [platform.os, platform.architecture, platform.variant ?? "", ...layers.map(({ diffId }) => diffId)];
  return `${REPOSITORY}:${createHash("sha256").update(words.join("\n")).digest("hex").slice(0, 40)}`;
}

/** An archive that is an OCI layout and one of `docker save` at once: every engine reads one of the two. */
function* imageFiles(
  name: string,
  layers: readonly EngineLayer[],
  from: number,
  { os, architecture, variant }: Platform,
  created: string,
): Generator<ArchiveFile> {
  const labels = { ...keptLabels("image"), [LAYERS]: layers.map(({ diffId }) => hexOf(diffId)).join(",") };
  const config = json({
    created,
    os,
    architecture,
    ...(variant === undefined ? {} : { variant }),
    config: { Labels: labels },
    rootfs: { type: "layers", diff_ids: layers.map(({ diffId }) => diffId) },
    history: layers.map(() => ({ created, created_by: "ocibuild" })),
  });
  const manifest = json({
    schemaVersion: 2,
    mediaType: "application/vnd.oci.image.manifest.v1+json",
    config: { mediaType: "application/vnd.oci.image.config.v1+json", digest: digestOf(config), size: config.length },
    layers: layers.map(({ diffId, sizeBytes }) => ({
      mediaType: "application/vnd.oci.image.layer.v1.tar",
      digest: diffId,
      size: sizeBytes,
    })),
  });
  const index = json({
    schemaVersion: 2,
    manifests: [
      {
        mediaType: "application/vnd.oci.image.manifest.v1+json",
        digest: digestOf(manifest),
        size: manifest.length,
        annotations: { "org.opencontainers.image.ref.name": name, "io.containerd.image.name": name },
      },
    ],
  });
  const saved = json([
    {
      Config: blobPath(digestOf(config)),
      RepoTags: [name],
      Layers: layers.map(({ diffId }) => blobPath(diffId)),
    },
  ]);
  yield { name: "blobs/", sizeBytes: 0, body: [] };
  yield { name: "blobs/sha256/", sizeBytes: 0, body: [] };
  for (const blob of [config, manifest]) yield file(blobPath(digestOf(blob)), blob);
  const sent = new Set<DiffId>();
  for (const { diffId, sizeBytes, open } of layers.slice(from)) {
    if (sent.has(diffId)) continue;
    sent.add(diffId);
    yield { name: blobPath(diffId), sizeBytes, body: { [Symbol.asyncIterator]: () => open()[Symbol.asyncIterator]() } };
  }
  yield file("oci-layout", json({ imageLayoutVersion: "1.0.0" }));
  yield file("index.json", index);
  yield file("manifest.json", saved);
}

function json(value: unknown): Buffer {
  return Buffer.from(JSON.stringify(value));
}

function file(name: string, content: Buffer): ArchiveFile {
  return { name, sizeBytes: content.length, body: [content] };
}

function blobPath(digest: Parameters<typeof hexOf>[0]): string {
  return `blobs/sha256/${hexOf(digest)}`;
}
