/** The distribution API over a `RegistryContent`: request in, reply out. @spec distribution-spec#endpoints */
import { isRepository } from "../../oci/reference.js";
import type { NeededScopes } from "./access.js";
import type { ApiCall, ApiSettings, Route } from "./api-call.js";
import type { RegistryContent } from "./content.js";
import { manifests, referrers } from "./manifests-api.js";
import { errorReply, json, type Reply, unknown, unsupported } from "./reply.js";
import { startUpload, upload } from "./uploads-api.js";

const ROUTES: readonly [RegExp, Route["kind"]][] = [
  [/^\/v2\/(.+)\/tags\/list$/, "tags"],
  [/^\/v2\/(.+)\/manifests\/([^/]+)$/, "manifests"],
  [/^\/v2\/(.+)\/referrers\/([^/]+)$/, "referrers"],
  [/^\/v2\/(.+)\/blobs\/uploads\/?$/, "uploads"],
  [/^\/v2\/(.+)\/blobs\/uploads\/([^/]+)$/, "upload"],
  [/^\/v2\/(.+)\/blobs\/([^/]+)$/, "blobs"],
];

export function routeOf(path: string): Route | undefined {
  if (path === "/v2/" || path === "/v2") return { kind: "root", repository: "", name: "" };
  if (path === "/v2/_catalog") return { kind: "catalog", repository: "", name: "" };
  for (const [pattern, kind] of ROUTES) {
    const match = pattern.exec(path);
    // A name becomes a path of folders.
    if (match !== null && isRepository(match[1]!)) {
      return { kind, repository: match[1]!, name: match[2] ?? "" };
    }
  }
  return undefined;
}

export function scopesFor(route: Route, method: string, query: URLSearchParams): NeededScopes {
  if (route.kind === "root") return [];
  if (route.kind === "catalog") return ["registry:catalog:*"];
  const reads = method === "GET" || method === "HEAD";
  const deletes = method === "DELETE" && route.kind !== "upload";
  const needed = [
    `repository:${route.repository}:${reads && route.kind !== "upload" ? "pull" : deletes ? "delete" : "pull,push"}`,
  ];
  const from = query.get("from");
  if (route.kind === "uploads" && from !== null) needed.push(`repository:${from}:pull`);
  return needed;
}

export async function answer(
  content: RegistryContent,
  settings: ApiSettings,
  route: Route,
  call: ApiCall,
): Promise<Reply> {
  switch (route.kind) {
    case "root":
      return json({});
    case "catalog":
      return page(settings, call, content.repositories(), (repositories) => ({ repositories }));
    case "tags": {
      const { repository: name } = route;
      const tags = content.tags(name);
      return tags === undefined
        ? unknown("NAME_UNKNOWN")
        : page(settings, call, tags, (some) => ({ name, tags: some }));
    }
    case "manifests":
      return manifests(content, settings, route, call);
    case "referrers":
      return settings.referrers ? referrers(content, route, call) : errorReply(404, "UNSUPPORTED", "no such endpoint");
    case "blobs":
      return blobs(content, route, call);
    case "uploads":
      return startUpload(content, settings, route, call);
    case "upload":
      return upload(content, settings, route, call);
  }
}

/** @spec distribution-spec#listing-tags */
function page(
  settings: ApiSettings,
  { path, query }: ApiCall,
  names: readonly string[],
  documentOf: (names: readonly string[]) => object,
): Reply {
  const asked = Number(query.get("n") ?? settings.pageSize);
  const size = Math.min(Number.isInteger(asked) && asked >= 0 ? asked : settings.pageSize, settings.pageSize);
  const last = query.get("last");
  const left = last === null ? names : names.filter((name) => name > last);
  const some = left.slice(0, size);
  const reply = json(documentOf(some));
  if (some.length === 0 || some.length === left.length) return reply;
  const next = new URLSearchParams({ last: some.at(-1)!, n: String(size) });
  return { ...reply, headers: { ...reply.headers, link: `<${path}?${next}>; rel="next"` } };
}

function blobs(content: RegistryContent, { repository, name }: Route, call: ApiCall): Reply {
  const blob = content.openBlob(repository, name);
  if (blob === undefined) return unknown("BLOB_UNKNOWN");
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
  const { size } = blob;
  const rangeText = call.headers["range"];
  const range = /^bytes=(\d+)-(\d*)$/.exec(typeof rangeText === "string" ? rangeText : "");
  if (range === null) return { status: 200, headers, body: { size, open: () => blob.open(0, size) } };
  const start = Number(range[1]);
  const end = Math.min(range[2] === "" ? Number.POSITIVE_INFINITY : Number(range[2]), size - 1);
  if (start > end) return { status: 416, headers: { "content-range": `bytes */${size}` } };
  return {
    status: 206,
    headers: { ...headers, "content-range": `bytes ${start}-${end}/${size}` },
    body: { size: end + 1 - start, open: () => blob.open(start, end + 1) },
  };
}
