/** The distribution API over a `RegistryContent`: request in, reply out. @spec distribution-spec#endpoints */
import type { NeededScopes } from "./access.js";
import { type RegistryContent, sha256, type UploadSession } from "./content.js";
import { errorReply, type Reply } from "./reply.js";

export interface ApiCall {
  readonly method: string;
  /** Decoded path, and its query. */
  readonly path: string;
  readonly query: URLSearchParams;
  readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>;
  readonly body: Buffer;
}

export interface ApiSettings {
  /** Makes the Location of an upload from its path with query. */
  readonly uploadLocation: (path: string) => string;
  /** Whether mounts are done; else the registry opens an upload instead. */
  readonly mounts: boolean;
}

/** What the path names, and which rights a call on it needs. */
export interface Route {
  readonly kind: "root" | "catalog" | "tags" | "manifests" | "blobs" | "uploads" | "upload";
  readonly repository: string;
  /** Tag, digest or session. */
  readonly name: string;
}

const ROUTES: readonly [RegExp, Route["kind"]][] = [
  [/^\/v2\/(.+)\/tags\/list$/, "tags"],
  [/^\/v2\/(.+)\/manifests\/([^/]+)$/, "manifests"],
  [/^\/v2\/(.+)\/blobs\/uploads\/?$/, "uploads"],
  [/^\/v2\/(.+)\/blobs\/uploads\/([^/]+)$/, "upload"],
  [/^\/v2\/(.+)\/blobs\/([^/]+)$/, "blobs"],
];

export function routeOf(path: string): Route | undefined {
  if (path === "/v2/" || path === "/v2") return { kind: "root", repository: "", name: "" };
  if (path === "/v2/_catalog") return { kind: "catalog", repository: "", name: "" };
  for (const [pattern, kind] of ROUTES) {
    const match = pattern.exec(path);
    if (match !== null) return { kind, repository: match[1]!, name: match[2] ?? "" };
  }
  return undefined;
}

export function scopesFor(route: Route, method: string, query: URLSearchParams): NeededScopes {
  if (route.kind === "root" || route.kind === "catalog") return [];
  const reads = method === "GET" || method === "HEAD";
  const needed = [
    `repository:${route.repository}:${reads && route.kind !== "upload" ? "pull" : method === "DELETE" ? "delete" : "pull,push"}`,
  ];
  const from = query.get("from");
  if (route.kind === "uploads" && from !== null) needed.push(`repository:${from}:pull`);
  return needed;
}

export function answer(content: RegistryContent, settings: ApiSettings, route: Route, call: ApiCall): Reply {
  switch (route.kind) {
    case "root":
      return json({});
    case "catalog":
      return json({ repositories: content.repositories() });
    case "tags": {
      const tags = content.tags(route.repository);
      return tags === undefined ? unknown("NAME_UNKNOWN") : json({ name: route.repository, tags });
    }
    case "manifests":
      return manifests(content, route, call);
    case "blobs":
      return blobs(content, route, call);
    case "uploads":
      return startUpload(content, settings, route, call);
    case "upload":
      return upload(content, settings, route, call);
  }
}

function manifests(content: RegistryContent, { repository, name }: Route, call: ApiCall): Reply {
  if (call.method === "PUT") {
    const mediaType = text(call.headers["content-type"]);
    if (mediaType === undefined) return errorReply(400, "MANIFEST_INVALID", "no Content-Type");
    if (name.includes(":") && name !== sha256(call.body))
      return errorReply(400, "DIGEST_INVALID", "digest does not match");
    const missing = missingParts(content, repository, call.body);
    if (missing !== undefined) return errorReply(400, "MANIFEST_BLOB_UNKNOWN", `unknown: ${missing}`);
    const digest = content.putManifest(repository, call.body, mediaType, ...(name.includes(":") ? [] : [name]));
    return {
      status: 201,
      headers: { location: `/v2/${repository}/manifests/${digest}`, "docker-content-digest": digest },
    };
  }
  const found = content.manifest(repository, name);
  if (found === undefined) return unknown("MANIFEST_UNKNOWN");
  if (call.method === "DELETE") {
    content.delete("manifests", repository, found.digest);
    return { status: 202 };
  }
  if (call.method !== "GET" && call.method !== "HEAD") return unsupported();
  return {
    status: 200,
    headers: { "content-type": found.mediaType, "docker-content-digest": found.digest },
    body: found.bytes,
  };
}

/** As real registries do: a manifest is refused while something it names is missing. */
function missingParts(content: RegistryContent, repository: string, bytes: Buffer): string | undefined {
  let document: Readonly<Record<string, unknown>>;
  try {
    document = JSON.parse(bytes.toString("utf8"));
  } catch {
    return "not JSON";
  }
  const parts = [document["config"], ...list(document["layers"])].flatMap(digestOfPart);
  const children = list(document["manifests"]).flatMap(digestOfPart);
  return (
    parts.find((digest) => content.blob(repository, digest) === undefined) ??
    children.find((digest) => content.manifest(repository, digest) === undefined)
  );
}

function list(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}

function digestOfPart(part: unknown): string[] {
  const { digest } = (part ?? {}) as { digest?: unknown };
  return typeof digest === "string" ? [digest] : [];
}

function blobs(content: RegistryContent, { repository, name }: Route, call: ApiCall): Reply {
  const bytes = content.blob(repository, name);
  if (bytes === undefined) return unknown("BLOB_UNKNOWN");
  if (call.method === "DELETE") {
    content.delete("blobs", repository, name);
    return { status: 202 };
  }
  if (call.method !== "GET" && call.method !== "HEAD") return unsupported();
  const headers = {
    "content-type": "application/octet-stream",
    "docker-content-digest": name,
    "accept-ranges": "bytes",
  };
  const range = /^bytes=(\d+)-(\d*)$/.exec(text(call.headers["range"]) ?? "");
  if (range === null) return { status: 200, headers, body: bytes };
  const start = Number(range[1]);
  const end = Math.min(range[2] === "" ? Number.POSITIVE_INFINITY : Number(range[2]), bytes.length - 1);
  if (start > end) return { status: 416, headers: { "content-range": `bytes */${bytes.length}` } };
  const contentRange = `bytes ${start}-${end}/${bytes.length}`;
  return { status: 206, headers: { ...headers, "content-range": contentRange }, body: bytes.subarray(start, end + 1) };
}

function startUpload(content: RegistryContent, settings: ApiSettings, { repository }: Route, call: ApiCall): Reply {
  if (call.method !== "POST") return unsupported();
  const mount = call.query.get("mount");
  const mounted = mount === null ? undefined : content.blob(call.query.get("from") ?? "", mount);
  if (settings.mounts && mounted !== undefined) return created(repository, content.putBlob(repository, mounted));
  const digest = call.query.get("digest");
  if (digest !== null) return finished(content, repository, digest, call.body);
  const id = content.openSession(repository);
  return progress(settings, repository, id, content.session(repository, id)!, 202);
}

function upload(
  content: RegistryContent,
  settings: ApiSettings,
  { repository, name: id }: Route,
  call: ApiCall,
): Reply {
  const session = content.session(repository, id);
  if (session === undefined || call.query.get("_state") !== STATE)
    return errorReply(404, "BLOB_UPLOAD_UNKNOWN", "no such upload");
  switch (call.method) {
    case "GET":
      return progress(settings, repository, id, session, 204);
    case "DELETE":
      content.closeSession(id);
      return { status: 204 };
    case "PATCH": {
      const range = /^(?:bytes )?(\d+)-(\d+)$/.exec(text(call.headers["content-range"]) ?? "");
      if (
        range !== null &&
        (Number(range[1]) !== session.size || Number(range[2]) !== session.size + call.body.length - 1)
      ) {
        return { ...progress(settings, repository, id, session, 416) };
      }
      append(session, call.body);
      return progress(settings, repository, id, session, 202);
    }
    case "PUT": {
      append(session, call.body);
      content.closeSession(id);
      return finished(content, repository, call.query.get("digest") ?? "", Buffer.concat(session.chunks));
    }
    default:
      return unsupported();
  }
}

/** Stands in upload locations: a client that changes the query loses its session. */
const STATE = "a+b/c =~d";

function progress(
  settings: ApiSettings,
  repository: string,
  id: string,
  session: UploadSession,
  status: number,
): Reply {
  const path = `/v2/${repository}/blobs/uploads/${id}?_state=a%2Bb%2Fc%20%3D~d`;
  const headers = {
    location: settings.uploadLocation(path),
    range: `0-${Math.max(0, session.size - 1)}`,
    "docker-upload-uuid": id,
  };
  return { status, headers };
}

function append(session: UploadSession, bytes: Buffer): void {
  if (bytes.length === 0) return;
  session.chunks.push(bytes);
  session.size += bytes.length;
}

function finished(content: RegistryContent, repository: string, digest: string, bytes: Buffer): Reply {
  if (sha256(bytes) !== digest)
    return errorReply(400, "DIGEST_INVALID", "provided digest did not match uploaded content");
  return created(repository, content.putBlob(repository, bytes));
}

function created(repository: string, digest: string): Reply {
  return { status: 201, headers: { location: `/v2/${repository}/blobs/${digest}`, "docker-content-digest": digest } };
}

function json(value: unknown): Reply {
  return { status: 200, headers: { "content-type": "application/json" }, body: Buffer.from(JSON.stringify(value)) };
}

function unknown(code: "NAME_UNKNOWN" | "MANIFEST_UNKNOWN" | "BLOB_UNKNOWN"): Reply {
  return errorReply(404, code, "not known to the registry");
}

function unsupported(): Reply {
  return errorReply(405, "UNSUPPORTED", "the operation is not supported");
}

function text(value: string | readonly string[] | undefined): string | undefined {
  return typeof value === "string" ? value : value?.[0];
}
