/** Whole images from one repository to another, between registries or inside of one. */
import { OcibuildError } from "../errors.js";
import type { Abortable } from "../oci/blobs.js";
import { type Digest, parseDigest } from "../oci/digest.js";
import { parseManifestOrIndex } from "../oci/documents.js";
import { parseLayerMediaType } from "../oci/media-types.js";
import { nameOf, type Reference } from "../oci/reference.js";
import type { Descriptor } from "../oci/types.js";
import { forEachLimited } from "../util/for-each-limited.js";
import type { RegistryClient } from "./client.js";
import { type RegistrySource, registrySource } from "./pull.js";
import { registryPusher } from "./push.js";
import { listReferrers } from "./referrers.js";
import { type FetchedManifest, isManifest } from "./served-manifest.js";

export interface CopyOptions extends Abortable {
  /** Blobs at a time; 4 unless given. */
  readonly parallel?: number;
  /** Manifests that refer to the image are copied, too: signatures, attestations. */
  readonly referrers?: boolean;
}

const PARALLEL = 4;
/** As deep as indexes may be nested (threat D5). */
const MAX_DEPTH = 4;

/**
 * Copies what `from` names, with all platforms, to `to`: under its tag, or by digest when it has none. Blobs that are
 * there already are not sent, and inside of one registry they are mounted. The bytes of manifests stay as they are.
 * Returns the descriptor of the root.
 * @throws REGISTRY_…, BLOB_…, DOCUMENT_INVALID
 */
export async function copyImage(
  client: RegistryClient,
  from: Reference,
  to: Reference,
  options: CopyOptions = {},
): Promise<Descriptor> {
  const source = registrySource(client, from);
  const abortable = options.signal === undefined ? {} : { signal: options.signal };
  const root = await source.fetchManifest(from.digest ?? from.tag!, abortable);
  if (to.digest !== undefined && parseDigest(to.digest) !== root.descriptor.digest) {
    throw new OcibuildError(
      "BLOB_DIGEST_MISMATCH",
      `expected image "${nameOf(from)}" to be ${to.digest} but it is ${root.descriptor.digest}`,
      { details: { expected: to.digest, actual: root.descriptor.digest } },
    );
  }
  const copied = new Set<Digest>();
  await copyGraph(client, source, from, to, root, to.tag, options, copied);
  return root.descriptor;
}

/** A manifest after everything it refers to: whoever finds it finds all of it (threat R10). */
async function copyGraph(
  client: RegistryClient,
  source: RegistrySource,
  from: Reference,
  to: Reference,
  manifest: FetchedManifest,
  tag: string | undefined,
  options: CopyOptions,
  copied: Set<Digest>,
  depth = 1,
): Promise<void> {
  const { descriptor, bytes } = manifest;
  const abortable = options.signal === undefined ? {} : { signal: options.signal };
  if (depth > MAX_DEPTH) {
    throw new OcibuildError("LIMIT_EXCEEDED", `"${nameOf(from)}" has indexes nested more than ${MAX_DEPTH} deep`, {
      details: { limit: "index depth", value: MAX_DEPTH },
    });
  }
  const pusher = registryPusher(client);
  const mountFrom = from.registry === to.registry ? { mountFrom: from.repository } : {};
  const document = await parseManifestOrIndex(bytes, { name: `manifest ${descriptor.digest} of "${nameOf(from)}"` });
  const parts =
    document.kind === "index"
      ? document.index.manifests
      : [document.manifest.config, ...document.manifest.layers.filter(isDistributed)];
  const blobs = parts.filter((part) => !isManifest(part) && !copied.has(part.digest));
  const children = parts.filter((part) => isManifest(part) && !copied.has(part.digest));
  for (const { digest } of parts) copied.add(digest);
  // Large ones first: the last upload to end should not be the longest.
  const ordered = [...new Map(blobs.map((blob) => [blob.digest, blob])).values()].sort((a, b) => b.size - a.size);
  await forEachLimited(ordered, options.parallel ?? PARALLEL, abortable, async (blob, limited) => {
    await pusher.pushBlob(to, blob, source, { ...limited, ...mountFrom });
  });
  for (const child of children) {
    const fetched = await source.fetchManifest(child.digest, abortable);
    await copyGraph(client, source, from, to, fetched, undefined, options, copied, depth + 1);
  }
  const { registry, repository } = to;
  const place: Reference = { registry, repository, ...(tag === undefined ? { digest: descriptor.digest } : { tag }) };
  await pusher.pushManifest(place, descriptor, bytes, abortable);
  if (options.referrers !== true) return;
  for (const referrer of await listReferrers(client, from, descriptor.digest, abortable)) {
    if (copied.has(referrer.digest)) continue;
    copied.add(referrer.digest);
    const fetched = await registrySource(client, from).fetchManifest(referrer.digest, abortable);
    await copyGraph(client, source, from, to, fetched, undefined, options, copied, depth);
  }
}

/** Foreign layers stay where their URLs say. */
function isDistributed({ mediaType }: Descriptor): boolean {
  return parseLayerMediaType(mediaType)?.foreign !== true;
}
