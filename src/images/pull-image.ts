/** `pull`: an image of a registry into the store, every layer checked, its name given when all of it is there. */
import { FetchingReader } from "../cache/fetching-reader.js";
import { layeredReader } from "../cache/layered-reader.js";
import { transferWatcher } from "../cache/transfer-events.js";
import { isOcibuildError, OcibuildError } from "../errors.js";
import { LayerStore } from "../layers/layer-store.js";
import type { Digest } from "../oci/digest.js";
import { parseImageConfig } from "../oci/documents.js";
import { isConfigMediaType } from "../oci/media-types.js";
import { formatPlatform, hostPlatform, matchPlatform } from "../oci/platform.js";
import { readImage } from "../oci/read-image.js";
import { formatReference, nameOf, type Reference } from "../oci/reference.js";
import type { Descriptor, Platform } from "../oci/types.js";
import { readBlob } from "../oci/verified-blob.js";
import { type Document, withDocuments } from "../output/image-content.js";
import { pullBlob, type RegistrySource, registrySource } from "../registry/pull.js";
import { forEachLimited } from "../util/for-each-limited.js";
import { MAX_DOCUMENT_BYTES } from "../util/strict-json.js";
import { choosePlatforms } from "./choose-platforms.js";
import { blobsOf, type Content, isAttestation, readContent } from "./content.js";
import type { ImagesContext } from "./images-context.js";

export interface PullOptions {
  /** Which of an index; this machine's unless given. `all` for every one of them. */
  readonly platforms?: readonly Platform[] | "all";
  /** Told of each layer: whether it was there, or is there now. */
  readonly onLayer?: (layer: Descriptor, outcome: "exists" | "pulled") => void;
}

export interface PulledImage {
  /** In full form. */
  readonly reference: string;
  /** Of what the registry has under that name: the manifest or the index. */
  readonly digest: Digest;
  /** Whether anything came that was not there before. */
  readonly isNew: boolean;
}

const PARALLEL = 4;
/** Another process may free what was just found to be there. */
const ATTEMPTS = 3;

/** @throws REGISTRY_…, BLOB_…, DOCUMENT_INVALID, PLATFORM_NOT_FOUND, LAYER_DIFF_ID_MISMATCH, STORE_UNUSABLE */
export async function pullImage(
  context: ImagesContext,
  name: Reference,
  options: PullOptions = {},
): Promise<PulledImage> {
  const { store, signal } = context;
  const source = registrySource(await context.registries.client(), name);
  const { descriptor: root, bytes } = await source.fetchManifest(name.digest ?? name.tag!, { signal });
  // The digest decides where there is a tag as well.
  const { tag: _tag, ...pinned } = name;
  const reference = formatReference(name.digest === undefined ? name : pinned);
  const before = await store.images.find(reference);
  for (let attempt = 1; ; attempt++) {
    const { fetched, content } = await fetchContent(context, name, source, { descriptor: root, bytes }, options);
    const requires = [...documentsOf(content), ...blobsOf(content)];
    try {
      await store.images.tag(reference, root, { signal, requires });
      return { reference, digest: root.digest, isNew: fetched || before?.digest !== root.digest };
    } catch (error) {
      if (!isOcibuildError(error, "BLOB_NOT_FOUND") || attempt >= ATTEMPTS) throw error;
    }
  }
}

async function fetchContent(
  context: ImagesContext,
  name: Reference,
  source: RegistrySource,
  root: Document,
  { platforms, onLayer }: PullOptions,
): Promise<{ readonly fetched: boolean; readonly content: Content }> {
  const { store, signal } = context;
  const shown = formatReference(name);
  const blobs = withDocuments(layeredReader([store.blobs, source]), [root]);
  const wanted = platforms ?? [hostPlatform()];
  const choose = wanted === "all" ? {} : { choose: choosePlatforms(wanted, shown) };
  const content = await readContent(blobs, root.descriptor, { name: shown, signal, ...choose });
  if (content.index === undefined && platforms !== undefined && platforms !== "all") {
    await assertPlatform(blobs, content, platforms, shown, signal);
  }
  const watcher = transferWatcher(context, "pull", ` of ${name.repository}`);
  const reader = new FetchingReader(
    store.blobs,
    {
      has: (blob, options) => source.has(blob, options),
      copyTo: (target, blob, options) => pullBlob(source, target, blob, options),
    },
    new Map(),
    watcher,
  );
  const layers = new Set(content.manifests.flatMap(({ manifest }) => manifest.layers.map(({ digest }) => digest)));
  let fetched = false;
  await forEachLimited(blobsOf(content), PARALLEL, { signal }, async (blob, limited) => {
    const isThere = store.blobs.isPresent(blob);
    if (!isThere) await reader.fetch(blob, limited);
    fetched ||= !isThere;
    if (layers.has(blob.digest)) onLayer?.(blob, isThere ? "exists" : "pulled");
  });
  for (const { descriptor, bytes } of [...content.manifests, ...content.indexes, content.root]) {
    await store.blobs.write(descriptor, [bytes], { signal });
  }
  await checkLayers(context, content, shown);
  return { fetched, content };
}

/** Looks into each layer: what it is must be what the config says. Later uses find it read already. */
export async function checkLayers(
  { store, signal }: Pick<ImagesContext, "store" | "signal">,
  content: Content,
  reference: string,
): Promise<void> {
  using layers = new LayerStore(store);
  for (const { descriptor, manifest } of content.manifests) {
    if (isAttestation(descriptor) || !isConfigMediaType(manifest.config.mediaType)) continue;
    const platform = hostPlatform();
    const image = await readImage(store.blobs, descriptor, { platform, reference, signal });
    layers.register(image.layers, store.blobs);
    for (const { diffId } of image.layers) await layers.filesSize(diffId, { signal });
  }
}

function documentsOf({ root, manifests, indexes }: Content): Descriptor[] {
  return [root, ...manifests, ...indexes].map(({ descriptor }) => descriptor);
}

/** A manifest that is no index has one platform, and who asks for another wants something else. */
async function assertPlatform(
  blobs: Parameters<typeof readBlob>[0],
  { manifests }: Content,
  platforms: readonly Platform[],
  reference: string,
  signal: AbortSignal,
): Promise<void> {
  const { manifest } = manifests[0]!;
  if (!isConfigMediaType(manifest.config.mediaType)) return;
  const bytes = await readBlob(blobs, manifest.config, MAX_DOCUMENT_BYTES, { signal });
  const config = await parseImageConfig(bytes, {
    name: `config of "${reference}"`,
    layerCount: manifest.layers.length,
  });
  const missing = platforms.find((platform) => matchPlatform(config, platform) === undefined);
  if (missing === undefined) return;
  const [available, platform] = [formatPlatform(config), formatPlatform(missing)];
  throw new OcibuildError(
    "PLATFORM_NOT_FOUND",
    `image "${reference}" is for platform "${available}", not for "${platform}"`,
    { details: { reference, platform, available: [available] } },
  );
}

/** `registry/repository` in docker's short form, as its messages have it. */
export function repositoryShown(name: Reference): string {
  return nameOf(name).replace(/^docker\.io\//, "");
}
