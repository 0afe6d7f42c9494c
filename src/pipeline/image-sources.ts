/**
 * Where base images come from: the store, an OCI layout, a registry. What a tag meant is remembered, so that a build
 * asks a registry only for what it has not seen, or when it is told to (`pull`).
 */
import { FetchingReader, type FetchSource } from "../cache/fetching-reader.js";
import type { StepKeyParts } from "../cache/key.js";
import { readSmallFile } from "../cache/sealed-file.js";
import type { Store } from "../cache/store.js";
import { transferWatcher } from "../cache/transfer-events.js";
import { isOcibuildError } from "../errors.js";
import type { OnEvent, TaskInfo } from "../events.js";
import type { Abortable, BlobReader } from "../oci/blobs.js";
import { type Digest, digestOf } from "../oci/digest.js";
import { formatPlatform } from "../oci/platform.js";
import { readImage } from "../oci/read-image.js";
import { formatReference, parseReference, type Reference } from "../oci/reference.js";
import type { ImageResolver } from "../oci/resolver.js";
import type { Descriptor, Image, Platform } from "../oci/types.js";
import type { RegistryClient } from "../registry/client.js";
import { mirroredNames, type RegistryHosts } from "../registry/hosts.js";
import type { DocumentCache } from "../registry/resolver.js";
import { MAX_DOCUMENT_BYTES } from "../util/strict-json.js";
import { localImageScheme, readLocalImage } from "./local-images.js";

export interface ImageSourcesOptions {
  readonly store: Store;
  /** Made when a registry is first needed. */
  readonly client: () => Promise<RegistryClient>;
  readonly hosts: RegistryHosts;
  /** Ask the registry also for what the store knows. */
  readonly pull: boolean;
  readonly onEvent: OnEvent;
  readonly nowMs: () => number;
}

export class ImageSources implements ImageResolver {
  readonly #options: ImageSourcesOptions;
  readonly #underWay = new Map<Digest, Promise<void>>();
  readonly #readers = new Map<Image, FetchingReader>();
  readonly #origins = new Map<Digest, readonly Reference[]>();

  constructor(options: ImageSourcesOptions) {
    this.#options = options;
  }

  /** Reads the layers of an image that this resolved. */
  blobsOf(image: Image): FetchingReader {
    const reader = this.#readers.get(image);
    if (reader === undefined) throw new Error("the image was resolved by somebody else");
    return reader;
  }

  /** Images resolved so far. */
  get images(): Iterable<Image> {
    return this.#readers.keys();
  }

  /** Where the blobs of all images resolved so far can be had. */
  get readers(): readonly BlobReader[] {
    return [...this.#readers.values()];
  }

  /** Repositories that blobs came from: a push to the same registry can mount them. */
  get origins(): ReadonlyMap<Digest, readonly Reference[]> {
    return this.#origins;
  }

  async resolve(reference: string, platform: Platform, options: Abortable = {}): Promise<Image> {
    const { onEvent, nowMs } = this.#options;
    const shown = formatPlatform(platform);
    const task: TaskInfo = {
      id: `resolve ${shown} ${reference}`,
      kind: "resolve",
      name: `resolve image ${reference}`,
      platform: shown,
    };
    onEvent({ type: "task-started", task, timeMs: nowMs() });
    try {
      const { image, isKnown } = await this.#find(reference, platform, options);
      const outcome = isKnown ? "cached" : "done";
      const detail = image.descriptor.digest;
      onEvent({ type: "task-finished", id: task.id, outcome, timeMs: nowMs(), detail });
      return image;
    } catch (error) {
      onEvent({ type: "task-finished", id: task.id, outcome: "failed", timeMs: nowMs() });
      throw error;
    }
  }

  async #find(
    reference: string,
    platform: Platform,
    options: Abortable,
  ): Promise<{ readonly image: Image; readonly isKnown: boolean }> {
    if (localImageScheme(reference) !== undefined) {
      const { image, blobs } = await readLocalImage(this.#options.store, reference, platform, options);
      this.#remember(image, readerSource(blobs), undefined);
      return { image, isKnown: false };
    }
    const known = this.#options.pull ? undefined : await this.#fromStore(reference, platform, options);
    if (known !== undefined) return { image: known, isKnown: true };
    return { image: await this.#fromRegistry(reference, platform, options), isKnown: false };
  }

  /** A tag of the store, or what the registry said the last time. */
  async #fromStore(reference: string, platform: Platform, options: Abortable): Promise<Image | undefined> {
    const { store } = this.#options;
    const name = parseReference(reference);
    const tagged = await store.images.find(formatReference(name));
    const record = tagged === undefined ? store.steps.get(resolutionOf(name, platform)) : undefined;
    const descriptor = tagged ?? (record?.result as { descriptor?: Descriptor } | undefined)?.descriptor;
    if (descriptor === undefined) return undefined;
    try {
      const image = await readImage(store.blobs, descriptor, { platform, reference, validated: true, ...options });
      // Layers of an image that was only resolved are not here yet; the registry then still has them.
      this.#remember(image, tagged === undefined ? this.#registryBlobs(name) : readerSource(store.blobs), name);
      return image;
    } catch (error) {
      if (isOcibuildError(error, "PLATFORM_NOT_FOUND") && tagged !== undefined) throw error;
      if (isOcibuildError(error)) return undefined;
      throw error;
    }
  }

  async #fromRegistry(reference: string, platform: Platform, options: Abortable): Promise<Image> {
    const { store, client } = this.#options;
    const name = parseReference(reference);
    const { registryResolver } = await import("../registry/resolver.js");
    const documents = documentsIn(store);
    const image = await registryResolver(await client(), { documents }).resolve(reference, platform, options);
    this.#remember(image, this.#registryBlobs(name), name);
    store.steps.put(resolutionOf(name, platform), { descriptor: { ...image.descriptor } as never });
    return image;
  }

  /** Loads the client only when a blob is really read. */
  #registryBlobs(name: Reference): FetchSource {
    const { client } = this.#options;
    return {
      async has(blob, options) {
        const { registrySource } = await import("../registry/pull.js");
        return registrySource(await client(), name).has(blob, options);
      },
      async copyTo(target, blob, options) {
        const { pullBlob, registrySource } = await import("../registry/pull.js");
        await pullBlob(registrySource(await client(), name), target, blob, options);
      },
    };
  }

  #remember(image: Image, blobs: FetchSource, name: Reference | undefined): void {
    const { store } = this.#options;
    const from = name === undefined ? "" : ` of ${name.repository}`;
    const watcher = transferWatcher(this.#options, "pull", from);
    this.#readers.set(image, new FetchingReader(store.blobs, blobs, this.#underWay, watcher));
    if (name === undefined) return;
    const names = mirroredNames(this.#options.hosts, name);
    for (const { descriptor } of image.layers) this.#origins.set(descriptor.digest, names);
  }
}

/** A reader as something to copy from. */
function readerSource(reader: BlobReader): FetchSource {
  return {
    has: (blob, options) => reader.has(blob, options),
    copyTo: (target, blob, options) => target.write(blob, reader.open(blob, options), options),
  };
}

/** Under what the answer for a reference and a platform is kept among the records. */
function resolutionOf(name: Reference, platform: Platform): StepKeyParts {
  return {
    kind: "resolve",
    platform: formatPlatform(platform),
    projection: { reference: formatReference(name) },
    parent: null,
    inputs: [],
  };
}

/** The store's blobs as the registry's document cache. */
export function documentsIn(store: Store): DocumentCache {
  return {
    async read(digest: Digest): Promise<Buffer | undefined> {
      const bytes = readSmallFile(store.blobs.pathOf(digest), MAX_DOCUMENT_BYTES);
      return bytes !== undefined && digestOf(bytes) === digest ? bytes : undefined;
    },
    write: (document: Descriptor, bytes: Buffer, options?: Abortable): Promise<void> =>
      store.blobs.write(document, [bytes], options),
  };
}
