/**
 * A registry in this process, on loopback: a real server of the distribution protocol, backed by memory or a folder, that
 * can be told to demand authorization, fail, stall or lie. It serves other clients too.
 */
import { createServer as createHttpServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { createServer as createHttpsServer, type ServerOptions } from "node:https";
import type { AddressInfo } from "node:net";
import { Access, type AccessMode } from "./access.js";
import { answer, routeOf, scopesFor } from "./api.js";
import type { ApiCall, ApiSettings } from "./api-call.js";
import { RegistryContent } from "./content.js";
import { type Fault, FaultPlan } from "./faults.js";
import type { RecordedRequest } from "./recorded-request.js";
import { errorReply, type Reply, readBody, wholeReply, writeReply } from "./reply.js";

export interface TestRegistryOptions {
  readonly access?: AccessMode;
  /** Shared with other registries; an empty one when absent. */
  readonly content?: RegistryContent;
  /** Keeps the content in this folder instead of the memory, and finds again what is there. */
  readonly folder?: string;
  /** Serves TLS with this key and certificate (PEM). */
  readonly tls?: {
    readonly key: string | Buffer;
    readonly cert: string | Buffer;
    /** Demands certificates of clients, from this authority. */
    readonly clientAuthority?: string | Buffer;
  };
  /** Makes the Location of uploads from a path with query and the origin asked. Default: absolute. */
  readonly uploadLocation?: (path: string, origin: string) => string;
  /** Whether cross-repository mounts are done. Default: true. */
  readonly mounts?: boolean;
  /** Whether there is a referrers API. Default: true. */
  readonly referrers?: boolean;
  /** Whether tags can be deleted alone. Default: true. */
  readonly deletesTags?: boolean;
  /** Names on a page of tags or repositories at most. Default: 1,000. */
  readonly pageSize?: number;
}

export interface TestRegistry extends AsyncDisposable {
  /** `127.0.0.1:port`, as in image references. */
  readonly host: string;
  readonly port: number;
  /** Origin. */
  readonly url: string;
  readonly content: RegistryContent;
  /** All requests so far in the order of their arrival, of the token server too. */
  readonly requests: readonly RecordedRequest[];
  /** Connections accepted so far, whether or not a request came over them. */
  readonly connections: number;
  /** Adds a fault; returns what removes it. */
  fail(fault: Fault): () => void;
  /** Forgets the recorded requests. */
  forget(): void;
  /** Closes all connections, stalled ones too. Idempotent. */
  close(): Promise<void>;
}

const DEFAULT_PAGE_SIZE = 1_000;
const MAX_FORM_BYTES = 64 * 1024;

/** Starts a registry on a free port of 127.0.0.1. */
export async function startRegistry(options: TestRegistryOptions = {}): Promise<TestRegistry> {
  const { folder } = options;
  const content = options.content ?? new RegistryContent(folder === undefined ? {} : { folder });
  const access = new Access(options.access ?? { kind: "open" });
  const faults = new FaultPlan();
  const requests: RecordedRequest[] = [];
  let connections = 0;
  const scheme = options.tls === undefined ? "http" : "https";
  async function serve(
    server: "registry" | "token",
    request: IncomingMessage,
    response: ServerResponse,
  ): Promise<void> {
    const { method = "GET", url: path = "/", headers } = request;
    const record: RecordedRequest = { server, method, path, headers, bodyBytes: 0 };
    requests.push(record);
    const action = faults.next(record);
    if (action?.type === "stall") return;
    if (action?.type === "reset" && action.when === "before") return reset(request);
    if (action?.type === "answer" && action.early === true) return writeReply(response, action.reply(record), method);
    const target = URL.canParse(path, "http://registry") ? new URL(path, "http://registry") : undefined;
    // Nobody should send a body before the right to do so: real servers refuse before they read.
    const refusal = server === "registry" && target !== undefined ? refuse(target, method, headers) : undefined;
    if (refusal !== undefined && action?.type !== "answer") {
      request.resume();
      return writeReply(response, refusal, method);
    }
    if (action?.type === "demand") {
      request.resume();
      return writeReply(response, demand(target, method), method);
    }
    const inBody = action?.type === "reset" && action.when === "in-body";
    async function* body(): AsyncGenerator<Buffer> {
      for await (const chunk of request as AsyncIterable<Buffer>) {
        record.bodyBytes += chunk.length;
        yield chunk;
        if (inBody) reset(request);
      }
    }
    if (action?.type === "answer") {
      for await (const _chunk of body());
      return writeReply(response, action.reply(record), method);
    }
    const call = { method, headers, body: body() };
    const reply = target === undefined ? errorReply(400, "UNKNOWN", "no path") : await handle(server, target, call);
    if (action?.type === "reset") return reset(request);
    // What nobody has read stands in the way of the next request.
    request.resume();
    return writeReply(response, action?.type === "change" ? action.change(await wholeReply(reply)) : reply, method);
  }

  function demand(target: URL | undefined, method: string): Reply {
    const route = target === undefined ? undefined : routeOf(decodeURIComponent(target.pathname));
    return access.demand(route === undefined ? [] : scopesFor(route, method, target!.searchParams));
  }

  function refuse(target: URL, method: string, headers: IncomingMessage["headers"]): Reply | undefined {
    const route = routeOf(decodeURIComponent(target.pathname));
    return route === undefined
      ? undefined
      : access.check(headers.authorization, scopesFor(route, method, target.searchParams));
  }

  async function handle(
    server: "registry" | "token",
    target: URL,
    call: Omit<ApiCall, "path" | "query">,
  ): Promise<Reply> {
    const query = target.searchParams;
    const { method, headers, body } = call;
    if (server === "token") {
      const form = await readBody(body, MAX_FORM_BYTES);
      if (form === undefined) return errorReply(413, "SIZE_INVALID", "the form is too large");
      const parameters = method === "POST" ? new URLSearchParams(form.toString("utf8")) : query;
      const { authorization } = headers;
      return access.issue(method, parameters, typeof authorization === "string" ? authorization : undefined);
    }
    const path = decodeURIComponent(target.pathname);
    const route = routeOf(path);
    if (route === undefined) return errorReply(404, "UNKNOWN", "no such endpoint");
    // Where the client thinks we are.
    const origin = `${scheme}://${headers["host"] ?? ""}`;
    const settings: ApiSettings = {
      uploadLocation: (location) => options.uploadLocation?.(location, origin) ?? origin + location,
      mounts: options.mounts ?? true,
      referrers: options.referrers ?? true,
      deletesTags: options.deletesTags ?? true,
      pageSize: options.pageSize ?? DEFAULT_PAGE_SIZE,
    };
    const reply = await answer(content, settings, route, { ...call, path, query });
    return { ...reply, headers: { "docker-distribution-api-version": "registry/2.0", ...reply.headers } };
  }

  async function listen(kind: "registry" | "token"): Promise<Server> {
    const listener = (request: IncomingMessage, response: ServerResponse): void => {
      // A client that goes away in the middle is no error of the server.
      serve(kind, request, response).catch(() => request.socket.destroy());
    };
    const server =
      kind === "registry" && options.tls !== undefined
        ? (createHttpsServer(tlsOptions(options.tls), listener) as unknown as Server)
        : createHttpServer(listener);
    if (kind === "registry") server.on("connection", () => connections++);
    await new Promise<void>((resolve, reject) => {
      server.once("error", reject);
      server.listen(0, "127.0.0.1", resolve);
    });
    return server;
  }

  const server = await listen("registry");
  const tokenServer = access.needsTokenServer ? await listen("token") : undefined;
  const { port } = server.address() as AddressInfo;
  const host = `127.0.0.1:${port}`;
  const url = `${scheme}://${host}`;
  if (tokenServer !== undefined) access.realm = `http://127.0.0.1:${(tokenServer.address() as AddressInfo).port}/token`;

  const close = async (): Promise<void> => {
    await Promise.all([server, tokenServer].map(closeServer));
    if (options.content === undefined) content.closeSession();
  };
  return {
    host,
    port,
    url,
    content,
    requests,
    get connections() {
      return connections;
    },
    fail: (fault) => faults.add(fault),
    forget: () => void requests.splice(0),
    close,
    [Symbol.asyncDispose]: close,
  };
}

function tlsOptions({ key, cert, clientAuthority }: NonNullable<TestRegistryOptions["tls"]>): ServerOptions {
  const demands = { ca: clientAuthority, requestCert: true, rejectUnauthorized: true };
  return { key, cert, ...(clientAuthority === undefined ? {} : demands) };
}

function reset(request: IncomingMessage): void {
  request.socket.resetAndDestroy();
}

function closeServer(server: Server | undefined): Promise<void> | undefined {
  if (server === undefined || !server.listening) return undefined;
  return new Promise((resolve) => {
    server.close(() => resolve());
    server.closeAllConnections();
  });
}
