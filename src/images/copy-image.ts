/** `copy`: an image from one place to another, with all its platforms, byte for byte. */
import { resolve } from "node:path";
import { transferWatcher, watched } from "../cache/transfer-events.js";
import { OcibuildError } from "../errors.js";
import { digestOf } from "../oci/digest.js";
import { encodeIndex } from "../oci/encode.js";
import { choosePlatform, hostPlatform } from "../oci/platform.js";
import { formatReference, parseReference, type Reference } from "../oci/reference.js";
import type { Descriptor, Platform } from "../oci/types.js";
import { addToLayout } from "../output/oci-layout.js";
import { writeDestination } from "../output/output-file.js";
import { pushContent } from "../output/registry.js";
import { copyImage as copyInRegistries } from "../registry/copy.js";
import { registryPusher } from "../registry/push.js";
import { forEachLimited } from "../util/for-each-limited.js";
import { choosePlatforms } from "./choose-platforms.js";
import { blobsOf, type Content, imageContentOf, isAttestation, readContent } from "./content.js";
import { type CopyPlaces, type CopySource, openSource } from "./copy-source.js";
import { entriesOf, packImages } from "./image-archive.js";
import type { ImagesContext } from "./images-context.js";
import type { Location } from "./location.js";
import { selectPresent } from "./select-present.js";
import { parseName } from "./tag-image.js";

export interface CopyOptions extends CopyPlaces {
  /** Only these; all unless given. */
  readonly platforms?: readonly Platform[];
  /** From registry to registry: what refers to the image goes with it, signatures and attestations. */
  readonly referrers?: boolean;
}

const PARALLEL = 4;

/** Gives the descriptor of what was written. @throws IMAGE_NOT_FOUND, PLATFORM_NOT_FOUND, REGISTRY_…, OUTPUT_…, BLOB_… */
export async function copyImage(
  context: ImagesContext,
  from: Location,
  to: Location,
  options: CopyOptions,
): Promise<Descriptor> {
  const { signal } = context;
  const { platforms = [], referrers = false } = options;
  if (from.transport === "docker" && to.transport === "docker" && platforms.length === 0) {
    const client = await context.registries.client();
    return copyInRegistries(client, from.reference, to.reference, { referrers, signal });
  }
  if (referrers) {
    throw new OcibuildError("OPTIONS_UNSUPPORTED", "referrers are copied from registry to registry only", {
      details: { option: "--referrers" },
      hint: "Leave --referrers out, or name docker:// places and no platform.",
    });
  }
  await using source = await openSource(context, from, options);
  const content = await contentFor(context, source, to, platforms);
  await write(context, source, content, to, options);
  return content.root.descriptor;
}

async function contentFor(
  { store, signal }: ImagesContext,
  source: CopySource,
  to: Location,
  platforms: readonly Platform[],
): Promise<Content> {
  const { blobs, descriptor, label: name } = source;
  const holdsOne = to.transport === "docker-archive" || to.transport === "docker-daemon";
  if (source.isPartial && platforms.length === 0 && !holdsOne) {
    return (await selectPresent(store, descriptor, { name, mayLack: to.transport === "store", signal })).content;
  }
  if (holdsOne && platforms.length > 1) {
    throw new OcibuildError("OPTIONS_INVALID", `${to.transport} holds one platform but ${platforms.length} are named`, {
      details: { option: "--platform" },
    });
  }
  const wanted = holdsOne && platforms.length === 0 ? [hostPlatform()] : platforms;
  if (wanted.length === 0) return readContent(blobs, descriptor, { name, signal });
  const content = await readContent(blobs, descriptor, { name, choose: choosePlatforms(wanted, name), signal });
  if (content.index === undefined || content.left.length === 0) return holdsOne ? single(content, name) : content;
  return wanted.length === 1 ? single(content, name) : reduced(content);
}

/** The one image of `content`, without the index around it. */
function single(content: Content, name: string): Content {
  if (content.index === undefined) return content;
  const images = content.manifests.filter(({ descriptor }) => !isAttestation(descriptor));
  const descriptors = images.map(({ descriptor }) => descriptor);
  const chosen = images.length === 1 ? descriptors[0] : choosePlatform(descriptors, hostPlatform(), name);
  const manifest = images.find(({ descriptor }) => descriptor === chosen)!;
  return { root: manifest, index: undefined, indexes: [], manifests: [manifest], left: [] };
}

/** The same with an index of what was chosen. */
function reduced(content: Content): Content {
  const kept = new Set(content.manifests.map(({ descriptor }) => descriptor.digest));
  const index = { ...content.index!, manifests: content.index!.manifests.filter(({ digest }) => kept.has(digest)) };
  const bytes = encodeIndex(index);
  const { mediaType } = content.root.descriptor;
  const descriptor = { mediaType, digest: digestOf(bytes), size: bytes.length };
  return { ...content, root: { descriptor, bytes }, index, indexes: [], left: [] };
}

async function write(
  context: ImagesContext,
  source: CopySource,
  content: Content,
  to: Location,
  places: CopyPlaces,
): Promise<void> {
  const { store, signal } = context;
  const watcher = transferWatcher(context, "copy", "");
  const blobs = watched(source.blobs, watcher);
  switch (to.transport) {
    case "store": {
      const requires = blobsOf(content);
      await forEachLimited(requires, PARALLEL, { signal }, async (blob, limited) => {
        if (store.blobs.isPresent(blob)) return;
        watcher.started(blob);
        await store.blobs.write(blob, blobs.open(blob, limited), limited);
        watcher.finished(blob);
      });
      for (const { descriptor, bytes } of [...content.manifests, ...content.indexes, content.root]) {
        await store.blobs.write(descriptor, [bytes], { signal });
      }
      await store.images.tag(parseName(to.word), content.root.descriptor, { signal, requires });
      return;
    }
    case "docker": {
      const pusher = registryPusher(await context.registries.client());
      const { digest, tag, ...repository } = to.reference;
      const names: Reference[] = [digest === undefined ? to.reference : repository];
      if (digest !== undefined && digest !== content.root.descriptor.digest) throw otherDigest(to.reference, content);
      await pushContent(pusher, imageContentOf(content), blobs, { names, byDigest: digest !== undefined, signal });
      return;
    }
    case "oci": {
      const image = { content, names: namesOf(to.name), refName: to.name };
      await addToLayout(resolve(places.cwd, to.path), imageContentOf(content), entriesOf(image), blobs, { signal });
      return;
    }
    case "oci-archive":
    case "docker-archive": {
      // Skopeo looks for a name as it was written.
      const refName = to.transport === "oci-archive" ? to.name : undefined;
      const image = { content, names: namesOf(to.name), refName };
      await writeDestination({ path: resolve(places.cwd, to.path) }, packImages([image], blobs, { signal }), {
        signal,
      });
      return;
    }
    case "docker-daemon": {
      const names = [parseReference(parseName(to.name))];
      await places.daemon.load(packImages([{ content, names }], blobs, { signal }), { signal });
      return;
    }
    default:
      to satisfies never;
  }
}

/** A whole name; a tag alone is no name but what a layout calls the image. */
function namesOf(name: string | undefined): readonly Reference[] {
  return name === undefined || !/[:/]/.test(name) ? [] : [parseReference(parseName(name))];
}

function otherDigest(to: Reference, content: Content): OcibuildError<"BLOB_DIGEST_MISMATCH"> {
  const actual = content.root.descriptor.digest;
  return new OcibuildError("BLOB_DIGEST_MISMATCH", `the image is ${actual}, not "${formatReference(to)}"`, {
    details: { expected: to.digest!, actual },
    hint: "Name a tag instead.",
  });
}
