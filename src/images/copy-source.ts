/** An image somewhere, ready to be read. */
import { resolve } from "node:path";
import { importImageArchive } from "../cache/image-archive.js";
import { openLayout } from "../cache/oci-layout.js";
import { temporaryBlobs } from "../cache/temporary-blobs.js";
import type { BlobReader } from "../oci/blobs.js";
import { findEntry } from "../oci/layout.js";
import { formatReference, parseReference } from "../oci/reference.js";
import type { Descriptor } from "../oci/types.js";
import { withDocuments } from "../output/image-content.js";
import { registrySource } from "../registry/pull.js";
import { fileBytes, plainBytes } from "./archive-bytes.js";
import type { DaemonAccess } from "./daemon.js";
import { findImage } from "./find-image.js";
import type { ImagesContext } from "./images-context.js";
import type { Location } from "./location.js";

export interface CopySource extends AsyncDisposable {
  readonly descriptor: Descriptor;
  readonly blobs: BlobReader;
  /** How errors call the image. */
  readonly label: string;
  /** Whether manifests may be missing: the store keeps the platforms that were asked for. */
  readonly isPartial: boolean;
}

export interface CopyPlaces {
  /** What paths are relative to. */
  readonly cwd: string;
  readonly daemon: DaemonAccess;
}

/** @throws IMAGE_NOT_FOUND, REGISTRY_…, DOCUMENT_INVALID, TAR_INVALID, ENGINE_… */
export async function openSource(context: ImagesContext, location: Location, places: CopyPlaces): Promise<CopySource> {
  const { store, signal } = context;
  switch (location.transport) {
    case "store": {
      const { entry } = await findImage(store, location.word, { signal });
      return source(entry.descriptor, store.blobs, location.word, true);
    }
    case "docker": {
      const { reference } = location;
      const registry = registrySource(await context.registries.client(), reference);
      const root = await registry.fetchManifest(reference.digest ?? reference.tag!, { signal });
      return source(root.descriptor, withDocuments(registry, [root]), formatReference(reference), false);
    }
    case "oci": {
      const path = resolve(places.cwd, location.path);
      const { blobs, find } = await openLayout(path);
      return source(plain(find(location.name)), blobs, `oci:${location.path}`, false);
    }
    case "oci-archive":
    case "docker-archive": {
      const label = `${location.transport}:${location.path}`;
      return archiveSource(context, fileBytes(resolve(places.cwd, location.path)), location.name, label);
    }
    case "docker-daemon": {
      const label = `docker-daemon:${location.name}`;
      return archiveSource(context, places.daemon.save(location.name, { signal }), undefined, label);
    }
    default:
      return location satisfies never;
  }
}

async function archiveSource(
  { store, signal }: ImagesContext,
  chunks: AsyncIterable<Buffer>,
  name: string | undefined,
  label: string,
): Promise<CopySource> {
  const temporary = temporaryBlobs(store);
  try {
    const { blobs } = temporary;
    const index = await importImageArchive(blobs, plainBytes(chunks, { signal }), label, { signal });
    const descriptor = plain(findEntry(index, wantedIn(index.manifests, name), label));
    return {
      descriptor,
      blobs,
      label,
      isPartial: false,
      [Symbol.asyncDispose]: () => temporary[Symbol.asyncDispose](),
    };
  } catch (error) {
    await temporary[Symbol.asyncDispose]();
    throw error;
  }
}

/** A name is looked for as it is written, then in full form. */
function wantedIn(entries: readonly Descriptor[], name: string | undefined): string | undefined {
  if (name === undefined) return undefined;
  const isThere = entries.some(({ annotations }) => Object.values(annotations ?? {}).includes(name));
  return isThere || name.startsWith("sha256:") ? name : formatReference(parseReference(name));
}

function source(descriptor: Descriptor, blobs: BlobReader, label: string, isPartial: boolean): CopySource {
  return { descriptor, blobs, label, isPartial, [Symbol.asyncDispose]: async () => {} };
}

/** Without what names the image where it comes from. */
function plain({ annotations: _annotations, ...descriptor }: Descriptor): Descriptor {
  return descriptor;
}
