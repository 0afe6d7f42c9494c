/**
 * A registry in this process, on loopback: a real server of the distribution protocol, backed by memory, that can be
 * told to demand authorization, fail, stall or lie. It serves other clients too.
 */
import { createServer as createHttpServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { createServer as createHttpsServer } from "node:https";
import type { AddressInfo } from "node:net";
import { Access, type AccessMode } from "./access.js";
import { type ApiSettings, answer, routeOf, scopesFor } from "./api.js";
import { RegistryContent } from "./content.js";
import { type Fault, FaultPlan } from "./faults.js";
import type { RecordedRequest } from "./recorded-request.js";
import { errorReply, type Reply, writeReply } from "./reply.js";

export interface TestRegistryOptions {
  readonly access?: AccessMode;
  /** Shared with other registries; an empty one when absent. */
  readonly content?: RegistryContent;
  /** Serves TLS with this key and certificate (PEM). */
  readonly tls?: { readonly key: string | Buffer; readonly cert: string | Buffer };
  /** Makes the Location of uploads from a path with query and the origin asked. Default: absolute. */
  readonly uploadLocation?: (path: string, origin: string) => string;
  /** Whether cross-repository mounts are done. Default: true. */
  readonly mounts?: boolean;
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

/** Starts a registry on a free port of 127.0.0.1. */
export async function startRegistry(options: TestRegistryOptions = {}): Promise<TestRegistry> {
  const content = options.content ?? new RegistryContent();
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
    const chunks: Buffer[] = [];
    for await (const chunk of request as AsyncIterable<Buffer>) {
      chunks.push(chunk);
      record.bodyBytes += chunk.length;
      if (action?.type === "reset" && action.when === "in-body") return reset(request);
    }
    if (action?.type === "reset" && action.when === "in-body") return reset(request);
    if (action?.type === "answer") return writeReply(response, action.reply(record), method);
    const body = Buffer.concat(chunks);
    const reply =
      target === undefined ? errorReply(400, "UNKNOWN", "no path") : handle(server, target, method, headers, body);
    if (action?.type === "reset") return reset(request);
    return writeReply(response, action?.type === "change" ? action.change(reply) : reply, method);
  }

  function refuse(target: URL, method: string, headers: IncomingMessage["headers"]): Reply | undefined {
    const route = routeOf(decodeURIComponent(target.pathname));
    return route === undefined
      ? undefined
      : access.check(headers.authorization, scopesFor(route, method, target.searchParams));
  }

  function handle(
    server: "registry" | "token",
    target: URL,
    method: string,
    headers: IncomingMessage["headers"],
    body: Buffer,
  ): Reply {
    const query = target.searchParams;
    if (server === "token") {
      return access.issue(
        method,
        method === "POST" ? new URLSearchParams(body.toString("utf8")) : query,
        headers.authorization,
      );
    }
    const route = routeOf(decodeURIComponent(target.pathname));
    if (route === undefined) return errorReply(404, "UNKNOWN", "no such endpoint");
    // Where the client thinks we are.
    const origin = `${scheme}://${headers.host ?? ""}`;
    const settings: ApiSettings = {
      uploadLocation: (location) => options.uploadLocation?.(location, origin) ?? origin + location,
      mounts: options.mounts ?? true,
    };
    const reply = answer(content, settings, route, { method, path: target.pathname, query, headers, body });
    return { ...reply, headers: { "docker-distribution-api-version": "registry/2.0", ...reply.headers } };
  }

  async function listen(kind: "registry" | "token"): Promise<Server> {
    const listener = (request: IncomingMessage, response: ServerResponse): void => {
      // A client that goes away in the middle is no error of the server.
      serve(kind, request, response).catch(() => request.socket.destroy());
    };
    const server =
      kind === "registry" && options.tls !== undefined
        ? (createHttpsServer({ ...options.tls }, listener) as unknown as Server)
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
