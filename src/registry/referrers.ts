/**
 * Manifests that refer to another one by `subject`: signatures, attestations. Registries without the referrers API keep
 * them in an index under a tag that is made of the digest. @spec distribution-spec#listing-referrers
 */
import type { Abortable } from "../oci/blobs.js";
import { type Digest, hexOf, parseDigest } from "../oci/digest.js";
import { parseIndex, parseManifestOrIndex } from "../oci/documents.js";
import { bareMediaType, MEDIA_TYPES } from "../oci/media-types.js";
import { nameOf, type Reference } from "../oci/reference.js";
import type { Descriptor, ImageIndex } from "../oci/types.js";
import { MAX_DOCUMENT_BYTES } from "../util/strict-json.js";
import type { ApiDocument, RegistryClient } from "./client.js";
import { homeLocation } from "./hosts.js";
import { fetchPages } from "./pages.js";
import { pushScopes } from "./scope.js";
import { ACCEPTED_MANIFESTS, checkManifest, manifestPath } from "./served-manifest.js";

export interface ReferrersOptions extends Abortable {
  /** Only manifests of this type. */
  readonly artifactType?: string;
}

type Repository = Pick<Reference, "registry" | "repository">;

const OCI_INDEX = MEDIA_TYPES.oci.index;
const MAX_REPLY_BYTES = 64 * 1024;

/**
 * The manifests whose subject has `digest`, whether or not the subject itself is there.
 * @throws REGISTRY_…, DOCUMENT_INVALID
 */
export async function listReferrers(
  client: RegistryClient,
  name: Repository,
  digest: Digest,
  { artifactType, signal }: ReferrersOptions = {},
): Promise<readonly Descriptor[]> {
  const query = artifactType === undefined ? "" : `?artifactType=${encodeURIComponent(artifactType)}`;
  const { endpoint, repository } = homeLocation(client.hosts, name);
  const pages = fetchPages(client, endpoint, {
    method: "GET",
    target: `/v2/${repository}/referrers/${parseDigest(digest)}${query}`,
    headers: { accept: OCI_INDEX },
    scopes: [{ repository, actions: ["pull"] }],
    // Registries that do not know the path say so in several ways.
    expect: [200, 400, 404, 405, 501],
    ...(signal === undefined ? {} : { signal }),
  });
  const found: Descriptor[] = [];
  for await (const page of pages) {
    if (page.status !== 200 || !isIndex(page)) {
      const tagged = await taggedReferrers(client, name, digest, signal === undefined ? {} : { signal });
      found.push(...(tagged?.manifests ?? []));
      break;
    }
    const index = await parseIndex(page.bytes, { name: `referrers of ${nameOf(name)}@${digest}` });
    found.push(...index.manifests);
  }
  // Registries may leave the filter to us.
  return artifactType === undefined ? found : found.filter((descriptor) => descriptor.artifactType === artifactType);
}

/**
 * Notes a pushed manifest in the index of its subject's referrers: only for registries that did not say with `OCI-Subject`
 * that they do so themselves. Does nothing for a manifest without a subject.
 * @throws REGISTRY_…, DOCUMENT_INVALID
 */
export async function noteReferrer(
  client: RegistryClient,
  name: Repository,
  manifest: Descriptor,
  bytes: Buffer,
  options: Abortable = {},
): Promise<void> {
  const document = await parseManifestOrIndex(bytes, { name: `manifest ${manifest.digest}` });
  const { subject, artifactType, annotations } = document.kind === "index" ? document.index : document.manifest;
  if (subject === undefined) return;
  const config = document.kind === "manifest" ? document.manifest.config.mediaType : undefined;
  const type = artifactType ?? config;
  const entry: Descriptor = {
    mediaType: manifest.mediaType,
    digest: manifest.digest,
    size: manifest.size,
    ...(type === undefined ? {} : { artifactType: type }),
    ...(annotations === undefined ? {} : { annotations }),
  };
  await changeReferrers(client, name, subject.digest, options, (known) =>
    known.some(({ digest }) => digest === entry.digest) ? undefined : [...known, entry],
  );
}

/** Tag of the index of referrers: `sha256-…`. */
function referrersTag(digest: Digest): string {
  return `sha256-${hexOf(digest)}`;
}

async function changeReferrers(
  client: RegistryClient,
  name: Repository,
  digest: Digest,
  options: Abortable,
  change: (known: readonly Descriptor[]) => readonly Descriptor[] | undefined,
): Promise<void> {
  const before = await taggedReferrers(client, name, digest, options);
  const manifests = change(before?.manifests ?? []);
  if (manifests === undefined) return;
  const index: ImageIndex = { ...before, schemaVersion: 2, mediaType: OCI_INDEX, manifests };
  const bytes = Buffer.from(JSON.stringify(index));
  const { endpoint, repository } = homeLocation(client.hosts, name);
  await client.fetch(
    endpoint,
    {
      method: "PUT",
      target: manifestPath(repository, referrersTag(digest)),
      headers: { "content-type": OCI_INDEX },
      body: { size: bytes.length, open: () => bytes },
      scopes: pushScopes(repository),
      expect: [200, 201, 202, 204],
      ...options,
    },
    MAX_REPLY_BYTES,
  );
}

async function taggedReferrers(
  client: RegistryClient,
  name: Repository,
  digest: Digest,
  options: Abortable,
): Promise<ImageIndex | undefined> {
  const tag = referrersTag(digest);
  const { endpoint, repository } = homeLocation(client.hosts, name);
  const reply = await client.fetch(
    endpoint,
    {
      method: "GET",
      target: manifestPath(repository, tag),
      headers: { accept: ACCEPTED_MANIFESTS },
      scopes: [{ repository, actions: ["pull"] }],
      expect: [200, 404],
      ...options,
    },
    MAX_DOCUMENT_BYTES,
  );
  if (reply.status === 404) return undefined;
  const { bytes } = await checkManifest(nameOf(name), tag, reply);
  return parseIndex(bytes, { name: `referrers of ${nameOf(name)}@${digest}` });
}

/** A registry that answers unknown paths with a page of its own has no referrers API. */
function isIndex(page: ApiDocument): boolean {
  return bareMediaType(page.header("content-type") ?? "") === OCI_INDEX;
}
