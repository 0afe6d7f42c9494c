/**
 * Push: blobs, then manifests, then the index, and the tags last, so that a tag never means something incomplete.
 * @spec distribution-spec#pushing-manifests
 */
import type { Abortable, BlobReader } from "../oci/blobs.js";
import type { Digest } from "../oci/digest.js";
import type { ImagePusher } from "../oci/pusher.js";
import { formatReference, nameOf, type Reference } from "../oci/reference.js";
import { forEachLimited } from "../util/for-each-limited.js";
import type { BuildResult, Exporter, ExportResult } from "./exporter.js";
import { type ImageContent, imageContent, withDocuments } from "./image-content.js";
import { mountHint } from "./mount-hint.js";
import { invalidOutput } from "./output-file.js";

export interface RegistryOptions {
  /** Push without giving tags. */
  readonly byDigest?: boolean;
  /** Blobs at a time. */
  readonly parallel?: number;
}

const PARALLEL = 4;

/** Pushes to the repositories of the result's names, one after the other. */
export function registryExporter(
  pusher: ImagePusher,
  { byDigest = false, parallel = PARALLEL }: RegistryOptions = {},
): Exporter {
  return {
    name: "pushing to the registry",
    async export(result: BuildResult, blobs: BlobReader, options: Abortable = {}): Promise<ExportResult> {
      const content = imageContent(result);
      await pushContent(pusher, content, blobs, { ...result, byDigest, parallel, ...options });
      const { root } = content;
      const names = result.names.map((name) =>
        byDigest ? `${nameOf(name)}@${root.descriptor.digest}` : formatReference(name),
      );
      return { descriptor: root.descriptor, names: [...new Set(names)], warnings: [] };
    },
  };
}

export interface PushContentOptions extends RegistryOptions, Abortable {
  /** Each with a tag; a name with a digest is pushed without one. */
  readonly names: readonly Reference[];
  /** Repositories that hold a blob already. */
  readonly origins?: BuildResult["origins"];
}

/** Pushes to the repositories of `names`, one after the other. @throws OUTPUT_INVALID, REGISTRY_…, BLOB_… */
export async function pushContent(
  pusher: ImagePusher,
  content: ImageContent,
  blobs: BlobReader,
  { names, origins, byDigest = false, parallel = PARALLEL, ...options }: PushContentOptions,
): Promise<void> {
  const source = withDocuments(blobs, content.configs);
  const pushed: Reference[] = [];
  for (const targets of groupByRepository(names)) {
    const mountFrom = mountHints(targets[0]!, origins, pushed);
    await pushBlobs(pusher, targets[0]!, content, source, mountFrom, parallel, options);
    await pushManifests(pusher, targets, content, byDigest, options);
    pushed.push(targets[0]!);
  }
}

/** Names that share a repository, in the order in which the repositories were first named. */
function groupByRepository(names: readonly Reference[]): Reference[][] {
  const groups = new Map<string, Reference[]>();
  for (const name of names) {
    if (name.registry === "") {
      throw invalidOutput(
        formatReference(name),
        `"${formatReference(name)}" cannot be pushed: its first part is no host`,
      );
    }
    const group = groups.get(nameOf(name));
    if (group === undefined) groups.set(nameOf(name), [name]);
    else group.push(name);
  }
  if (groups.size === 0) {
    throw invalidOutput("registry", "a push needs a name but the image has none", "Give one with --tag.");
  }
  return [...groups.values()];
}

/** For a blob, another repository of the same registry that has it or may have it. */
function mountHints(
  target: Reference,
  origins: BuildResult["origins"],
  pushed: readonly Reference[],
): (digest: Digest) => string | undefined {
  const earlier = pushed.find((other) => other.registry === target.registry)?.repository;
  return (digest) => mountHint(target, origins?.get(digest)) ?? earlier;
}

async function pushBlobs(
  pusher: ImagePusher,
  target: Reference,
  content: ImageContent,
  source: BlobReader,
  mountFrom: (digest: Digest) => string | undefined,
  parallel: number,
  options: Abortable,
): Promise<void> {
  // Large ones first: the last upload to end should not be the longest.
  const layers = [...content.layers].sort((a, b) => b.size - a.size);
  const blobs = [...layers, ...content.configs.map(({ descriptor }) => descriptor)];
  await forEachLimited(blobs, parallel, options, async (blob, limited) => {
    const from = mountFrom(blob.digest);
    await pusher.pushBlob(target, blob, source, { ...limited, ...(from === undefined ? {} : { mountFrom: from }) });
  });
}

async function pushManifests(
  pusher: ImagePusher,
  targets: readonly Reference[],
  content: ImageContent,
  byDigest: boolean,
  options: Abortable,
): Promise<void> {
  const { registry, repository } = targets[0]!;
  for (const { descriptor, bytes } of content.manifests) {
    options.signal?.throwIfAborted();
    await pusher.pushManifest({ registry, repository, digest: descriptor.digest }, descriptor, bytes, options);
  }
  const { descriptor, bytes } = content.root;
  const tags = byDigest ? [] : targets.filter(({ tag }) => tag !== undefined);
  const roots = tags.length > 0 ? tags : [{ registry, repository, digest: descriptor.digest }];
  for (const { tag } of roots as readonly Reference[]) {
    options.signal?.throwIfAborted();
    const root = tag === undefined ? { digest: descriptor.digest } : { tag };
    await pusher.pushManifest({ registry, repository, ...root }, descriptor, bytes, options);
  }
}
