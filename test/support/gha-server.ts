/**
 * The cache service of GitHub Actions on loopback, in both versions of its protocol, with its store of blobs. Strict where that
 * is: tokens and what they may read and write, names that are taken once, sizes, the order in which entries are found. It
 * repeats in its errors what it was sent. Nothing of src/ is used.
 */
import { createHmac, randomBytes } from "node:crypto";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { AzureBlobs } from "./azure-blobs.js";

export interface GhaEntry {
  readonly id: number;
  readonly name: string;
  readonly version: string;
  /** The branch. */
  readonly scope: string;
  isDone: boolean;
  /** Lookups that do not see it yet. */
  lag: number;
  /** Of the first version: pieces by where they begin. */
  readonly pieces: Map<number, Buffer>;
}

export interface GhaServer extends AsyncDisposable {
  readonly url: string;
  readonly entries: GhaEntry[];
  readonly blobs: AzureBlobs;
  /** `METHOD path status` of each request; of calls with the entry's name, of blobs with what is done. */
  readonly requests: string[];
  /** The token of a job of one branch, which may write there, and which may read others too. */
  token(branch: string | undefined, ...readable: readonly string[]): string;
  /** Answers before anything else when it returns true. */
  intercept: ((request: IncomingMessage, response: ServerResponse, body: Buffer) => boolean) | undefined;
  /** How many lookups do not see a new entry: the second version needs a while. */
  lag: number;
  /** New entries that are still allowed; each time that is too many, the budget is new after one second. */
  budget: number;
  names(): string[];
}

const V1 = "/_apis/artifactcache";
const V2 = "/twirp/github.actions.results.api.v1.CacheService/";
const MAX_NAME = 512;

interface Scope {
  readonly Scope: string;
  readonly Permission: number;
}

/** @param prefix of the path, as services other than GitHub's have it */
export async function startGhaServer(prefix = ""): Promise<GhaServer> {
  const key = randomBytes(32);
  const blobs = new AzureBlobs();
  const entries: GhaEntry[] = [];
  const requests: string[] = [];
  let last = 0;
  const jwt = (payload: object): string => {
    const head = Buffer.from('{"alg":"HS256","typ":"JWT"}').toString("base64url");
    const text = `${head}.${Buffer.from(JSON.stringify(payload)).toString("base64url")}`;
    return `${text}.${createHmac("sha256", key).update(text).digest("base64url")}`;
  };

  const server = createServer(async (request, response) => {
    const { method = "", url = "" } = request;
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const body = Buffer.concat(chunks);
    response.on("finish", () => requests.push(`${method} ${shown(url, body)} ${response.statusCode}`));
    if (handle.intercept?.(request, response, body) === true) return;
    if (url.startsWith("/container/")) return void blobs.answer(request, body, response);
    const scopes = scopesOf(request.headers.authorization, key);
    const path = url.startsWith(prefix) ? url.slice(prefix.length) : "";
    if (path.startsWith(V2)) return void second(path.slice(V2.length), request, body, scopes, response);
    if (path.startsWith(`${V1}/`)) return void first(path.slice(V1.length), request, body, scopes, response);
    response.writeHead(404).end("nothing here");
  });

  /** The entry of that very name, else the newest that begins with it; branch by branch. */
  function find(name: string, version: string, scopes: readonly Scope[]): GhaEntry | undefined {
    const all = [...entries].reverse().filter((entry) => entry.isDone && entry.version === version);
    let found: GhaEntry | undefined;
    for (const { Scope: scope } of scopes) {
      const here = all.filter((entry) => entry.scope === scope && entry.name.startsWith(name) && entry.lag-- <= 0);
      found ??= here.find((entry) => entry.name === name) ?? here[0];
    }
    return found;
  }

  function reserve(name: string, version: string, scope: string): GhaEntry | "taken" | "busy" {
    if (entries.some((entry) => entry.name === name && entry.version === version && entry.scope === scope))
      return "taken";
    if (handle.budget <= 0) {
      setTimeout(() => {
        handle.budget = Number.POSITIVE_INFINITY;
      }, 900);
      return "busy";
    }
    handle.budget--;
    const entry: GhaEntry = {
      id: ++last,
      name,
      version,
      scope,
      isDone: false,
      lag: handle.lag,
      pieces: new Map(),
    };
    entries.push(entry);
    return entry;
  }

  function second(
    call: string,
    request: IncomingMessage,
    body: Buffer,
    scopes: readonly Scope[] | undefined,
    response: ServerResponse,
  ): ServerResponse {
    const reply = (status: number, value: object, headers: Record<string, string> = {}): ServerResponse =>
      response.writeHead(status, { "content-type": "application/json", ...headers }).end(JSON.stringify(value));
    const refuse = (status: number, code: string, headers?: Record<string, string>): ServerResponse =>
      reply(status, { code, msg: `${code} of ${request.headers.authorization}` }, headers);
    if (request.method !== "POST") return refuse(404, "bad_route");
    if (request.headers["content-type"] !== "application/json") return refuse(404, "bad_route");
    if (scopes === undefined) return refuse(401, "unauthenticated");
    const message = JSON.parse(body.toString()) as Record<string, unknown>;
    const known = ["key", "version", "restore_keys", "size_bytes", "metadata"];
    if (Object.keys(message).some((field) => !known.includes(field))) return refuse(400, "malformed");
    const { key: name, version } = message;
    if (!isName(name) || typeof version !== "string" || !/^[0-9a-f]{64}$/.test(version)) {
      return refuse(400, "invalid_argument");
    }
    const own = scopes.find(({ Permission }) => (Permission & 2) !== 0)?.Scope;
    const base = `http://${request.headers.host}`;
    switch (call) {
      case "CreateCacheEntry": {
        if (own === undefined) return refuse(403, "permission_denied");
        const entry = reserve(name, version, own);
        if (entry === "taken") return refuse(409, "already_exists");
        if (entry === "busy") return refuse(429, "resource_exhausted", { "retry-after": "1" });
        return reply(200, { ok: true, signed_upload_url: `${base}${blobs.sign(String(entry.id), "w")}` });
      }
      case "FinalizeCacheEntryUpload": {
        const entry = entries.find((one) => one.name === name && one.version === version && one.scope === own);
        if (entry === undefined || entry.isDone) return refuse(404, "not_found");
        const size = Number(message["size_bytes"]);
        if (blobs.content(String(entry.id))?.length !== size) return reply(200, { ok: false, message: "wrong size" });
        entry.isDone = true;
        return reply(200, { ok: true, entry_id: String(entry.id) });
      }
      case "GetCacheEntryDownloadURL": {
        const { restore_keys: prefixes = [] } = message;
        if (!Array.isArray(prefixes) || prefixes.length > 9 || !prefixes.every(isName))
          return refuse(400, "invalid_argument");
        const keys = [name, ...(prefixes as string[])];
        const entry = keys.map((one) => find(one, version, scopes)).find((one) => one !== undefined);
        if (entry === undefined) return reply(200, { ok: false });
        const path = blobs.sign(String(entry.id), "r");
        return reply(200, { ok: true, signed_download_url: `${base}${path}`, matched_key: entry.name });
      }
      default:
        return refuse(404, "bad_route");
    }
  }

  function first(
    path: string,
    request: IncomingMessage,
    body: Buffer,
    scopes: readonly Scope[] | undefined,
    response: ServerResponse,
  ): ServerResponse {
    const reply = (status: number, value?: object): ServerResponse => {
      response.writeHead(status, { "content-type": "application/json; charset=utf-8; api-version=6.0-preview.1" });
      return response.end(value === undefined ? undefined : JSON.stringify(value));
    };
    const refuse = (status: number, typeKey: string, headers: Record<string, string> = {}): ServerResponse => {
      const message = `${typeKey} of ${request.headers.authorization} at ${request.url}`;
      const value = { $id: "1", message, typeKey, errorCode: 0 };
      return response.writeHead(status, headers).end(`\ufeff${JSON.stringify(value)}`);
    };
    if (!/^application\/json;api-version=/.test(request.headers.accept ?? ""))
      return refuse(400, "VssVersionException");
    if (scopes === undefined) return refuse(401, "UnauthorizedException");
    const { pathname, searchParams } = new URL(path, "http://h");
    const own = scopes.find(({ Permission }) => (Permission & 2) !== 0)?.Scope;
    if (request.method === "GET" && pathname === "/cache") {
      const keys = (searchParams.get("keys") ?? "").split(",");
      const entry = keys.map((one) => find(one, searchParams.get("version") ?? "", scopes)).find((one) => one);
      if (entry === undefined) return reply(204);
      const archiveLocation = `http://${request.headers.host}${blobs.sign(String(entry.id), "r")}`;
      return reply(200, { cacheKey: entry.name, scope: entry.scope, archiveLocation });
    }
    if (own === undefined) return refuse(403, "AccessDeniedException");
    if (request.method === "POST" && pathname === "/caches") {
      const { key: name, version } = JSON.parse(body.toString()) as { key?: unknown; version?: unknown };
      if (!isName(name) || typeof version !== "string") return refuse(400, "ArgumentException");
      const entry = reserve(name, version, own);
      if (entry === "taken") return refuse(409, "ArtifactCacheItemAlreadyExistsException");
      if (entry === "busy") return refuse(429, "RequestBlockedException", { "retry-after": "1" });
      return reply(201, { cacheId: entry.id });
    }
    const id = Number(/^\/caches\/(\d+)$/.exec(pathname)?.[1]);
    const entry = entries.find((one) => one.id === id && one.scope === own);
    if (entry === undefined || entry.isDone) return refuse(404, "ArtifactCacheItemNotFoundException");
    if (request.method === "PATCH") {
      const range = /^bytes (\d+)-(\d+)\/\*$/.exec(request.headers["content-range"] ?? "");
      const [from, to] = [Number(range?.[1]), Number(range?.[2])];
      if (request.headers["content-type"] !== "application/octet-stream" || to - from + 1 !== body.length) {
        return refuse(400, "ArgumentException");
      }
      entry.pieces.set(from, body);
      return reply(204);
    }
    if (request.method !== "POST") return refuse(405, "VssRequestException");
    const { size } = JSON.parse(body.toString()) as { size?: unknown };
    const content: Buffer[] = [];
    let end = 0;
    for (const [from, piece] of [...entry.pieces].sort(([a], [b]) => a - b)) {
      if (from !== end) return refuse(400, "ArtifactCacheGapException");
      content.push(piece);
      end += piece.length;
    }
    if (end !== size) return refuse(400, "ArtifactCacheSizeException");
    blobs.sign(String(id), "r");
    blobs.setContent(String(id), Buffer.concat(content));
    entry.isDone = true;
    return reply(204);
  }

  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const handle: GhaServer = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}${prefix}`,
    entries,
    blobs,
    requests,
    token: (branch, ...readable) => {
      const scopes: Scope[] = readable.map((Scope) => ({ Scope, Permission: 1 }));
      if (branch !== undefined) scopes.unshift({ Scope: branch, Permission: 3 });
      return jwt({ ac: JSON.stringify(scopes), who: "canary" });
    },
    intercept: undefined,
    lag: 0,
    budget: Number.POSITIVE_INFINITY,
    names: () => entries.map(({ name }) => name),
    async [Symbol.asyncDispose]() {
      const closed = new Promise((resolve) => server.close(resolve));
      server.closeAllConnections();
      await closed;
    },
  };
  return handle;
}

function isName(value: unknown): value is string {
  return typeof value === "string" && value !== "" && value.length <= MAX_NAME && !value.includes(",");
}

/** `undefined` for a token that the service has not made. */
function scopesOf(authorization: string | undefined, key: Buffer): readonly Scope[] | undefined {
  const match = /^Bearer ([\w-]+)\.([\w-]+)\.([\w-]+)$/.exec(authorization ?? "");
  if (match === null) return undefined;
  const [, head, payload, signature] = match as unknown as string[];
  const expected = createHmac("sha256", key).update(`${head}.${payload}`).digest("base64url");
  if (signature !== expected) return undefined;
  const { ac } = JSON.parse(Buffer.from(payload!, "base64url").toString()) as { ac: string };
  return JSON.parse(ac) as Scope[];
}

function shown(url: string, body: Buffer): string {
  const path = url.split("?")[0]!;
  const comp = /[?&](comp=[a-z]+)/.exec(url)?.[1];
  const called = path.split("/").at(-1)!;
  if (path.includes("/twirp/")) return `${called} ${String((JSON.parse(body.toString()) as { key?: unknown }).key)}`;
  const keys = /[?&]keys=([^&]*)/.exec(url)?.[1];
  return `${path}${comp === undefined ? "" : ` ${comp}`}${keys === undefined ? "" : ` ${decodeURIComponent(keys)}`}`;
}
