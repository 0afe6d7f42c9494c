/** Manifests, and which of them refer to another one. @spec distribution-spec#pulling-manifests, #listing-referrers */
import type { ApiCall, ApiSettings, Route } from "./api-call.js";
import { type RegistryContent, sha256 } from "./content.js";
import { errorReply, json, type Reply, readBody, unknown, unsupported } from "./reply.js";

const MAX_MANIFEST_BYTES = 4 * 1024 * 1024;
const OCI_INDEX = "application/vnd.oci.image.index.v1+json";

export async function manifests(
  content: RegistryContent,
  settings: ApiSettings,
  { repository, name }: Route,
  call: ApiCall,
): Promise<Reply> {
  if (call.method === "PUT") return putManifest(content, settings, repository, name, call);
  const found = content.manifest(repository, name);
  if (found === undefined) return unknown("MANIFEST_UNKNOWN");
  if (call.method === "DELETE") {
    const isTag = !name.includes(":");
    if (isTag && !settings.deletesTags) return unsupported();
    content.delete(isTag ? "tags" : "manifests", repository, name);
    return { status: 202 };
  }
  if (call.method !== "GET" && call.method !== "HEAD") return unsupported();
  return {
    status: 200,
    headers: { "content-type": found.mediaType, "docker-content-digest": found.digest },
    body: found.bytes,
  };
}

async function putManifest(
  content: RegistryContent,
  settings: ApiSettings,
  repository: string,
  name: string,
  call: ApiCall,
): Promise<Reply> {
  const body = await readBody(call.body, MAX_MANIFEST_BYTES);
  if (body === undefined) return errorReply(413, "SIZE_INVALID", "the manifest is too large");
  const type = call.headers["content-type"];
  const mediaType = typeof type === "string" ? type : type?.[0];
  if (mediaType === undefined) return errorReply(400, "MANIFEST_INVALID", "no Content-Type");
  if (name.includes(":") && name !== sha256(body)) return errorReply(400, "DIGEST_INVALID", "digest does not match");
  if (!name.includes(":") && !/^\w[\w.-]{0,127}$/.test(name)) return errorReply(400, "TAG_INVALID", "not a tag");
  const document = jsonObject(body);
  if (document === undefined) return errorReply(400, "MANIFEST_INVALID", "not JSON");
  const missing = missingParts(content, repository, document);
  if (missing !== undefined) return errorReply(400, "MANIFEST_BLOB_UNKNOWN", `unknown: ${missing}`);
  const digest = content.putManifest(repository, body, mediaType, ...(name.includes(":") ? [] : [name]));
  const subject = digestOfPart(document["subject"])[0];
  return {
    status: 201,
    headers: {
      location: `/v2/${repository}/manifests/${digest}`,
      "docker-content-digest": digest,
      ...(subject === undefined || !settings.referrers ? {} : { "oci-subject": subject }),
    },
  };
}

export function referrers(content: RegistryContent, { repository, name }: Route, call: ApiCall): Reply {
  if (call.method !== "GET" && call.method !== "HEAD") return unsupported();
  const wanted = call.query.get("artifactType");
  const found = content.manifests(repository).flatMap((digest) => {
    const { bytes, mediaType } = content.manifest(repository, digest)!;
    const document = jsonObject(bytes) ?? {};
    if (digestOfPart(document["subject"])[0] !== name) return [];
    const { mediaType: configType } = (document["config"] ?? {}) as { mediaType?: unknown };
    const artifactType = document["artifactType"] ?? configType;
    if (wanted !== null && artifactType !== wanted) return [];
    const annotations = document["annotations"];
    return [
      { mediaType, digest, size: bytes.length, artifactType, ...(annotations === undefined ? {} : { annotations }) },
    ];
  });
  const reply = json({ schemaVersion: 2, mediaType: OCI_INDEX, manifests: found });
  const filtered = wanted === null ? {} : { "oci-filters-applied": "artifactType" };
  return { ...reply, headers: { "content-type": OCI_INDEX, ...filtered } };
}

/** As real registries do: a manifest is refused while something it names is missing. */
function missingParts(
  content: RegistryContent,
  repository: string,
  document: Readonly<Record<string, unknown>>,
): string | undefined {
  const layers = list(document["layers"]).filter((layer) => !isForeign(layer));
  const parts = [document["config"], ...layers].flatMap(digestOfPart);
  const children = list(document["manifests"]).flatMap(digestOfPart);
  return (
    parts.find((digest) => content.openBlob(repository, digest) === undefined) ??
    children.find((digest) => content.manifest(repository, digest) === undefined)
  );
}

/** Layers that stay where their URLs say. */
function isForeign(layer: unknown): boolean {
  const { mediaType } = (layer ?? {}) as { mediaType?: unknown };
  return typeof mediaType === "string" && /\.(?:foreign|nondistributable)\./.test(mediaType);
}

function jsonObject(bytes: Buffer): Readonly<Record<string, unknown>> | undefined {
  try {
    const value: unknown = JSON.parse(bytes.toString("utf8"));
    return typeof value === "object" && value !== null ? (value as Record<string, unknown>) : undefined;
  } catch {
    return undefined;
  }
}

function list(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}

function digestOfPart(part: unknown): string[] {
  const { digest } = (part ?? {}) as { digest?: unknown };
  return typeof digest === "string" ? [digest] : [];
}
