/** A forward proxy on loopback, for tests: tunnels, requests by their whole URL, and a password if it is to have one. */
import { createServer, type IncomingMessage, request, type ServerResponse } from "node:http";
import { type AddressInfo, connect, type Socket } from "node:net";
import type { Duplex } from "node:stream";

export interface HttpProxy extends AsyncDisposable {
  /** `http://127.0.0.1:port`. */
  readonly url: string;
  readonly port: number;
  /** `CONNECT host:port` and `GET http://…`, in their order. */
  readonly requests: readonly string[];
  /** `Proxy-Authorization` of each of them. */
  readonly authorizations: readonly (string | undefined)[];
  /** Headers of requests by their whole URL. */
  readonly headers: readonly IncomingMessage["headers"][];
  close(): Promise<void>;
}

export interface HttpProxyOptions {
  /** `user:password` that is demanded. */
  readonly account?: string;
  /** Answers everything with this status. */
  readonly status?: number;
  /** Where names lead, instead of asking the system: host → port of 127.0.0.1. */
  readonly names?: Readonly<Record<string, number>>;
}

export async function startHttpProxy({ account, status, names = {} }: HttpProxyOptions = {}): Promise<HttpProxy> {
  const requests: string[] = [];
  const authorizations: (string | undefined)[] = [];
  const headers: IncomingMessage["headers"][] = [];
  const sockets = new Set<Duplex>();
  const wanted = account === undefined ? undefined : `Basic ${Buffer.from(account).toString("base64")}`;
  const place = (host: string, port: string): { host: string; port: number } => {
    const mapped = names[host];
    return mapped === undefined ? { host, port: Number(port) } : { host: "127.0.0.1", port: mapped };
  };
  /** The status of a refusal. */
  const note = (incoming: IncomingMessage): number | undefined => {
    const authorization = incoming.headers["proxy-authorization"];
    requests.push(`${incoming.method} ${incoming.url}`);
    authorizations.push(authorization);
    return status ?? (wanted !== undefined && authorization !== wanted ? 407 : undefined);
  };
  const server = createServer((incoming: IncomingMessage, response: ServerResponse) => {
    const refusal = note(incoming);
    headers.push(incoming.headers);
    if (refusal !== undefined) return void response.writeHead(refusal).end();
    const { hostname, port, pathname, search } = new URL(incoming.url ?? "");
    const { "proxy-authorization": _secret, ...passed } = incoming.headers;
    const onward = request(
      { ...place(hostname, port || "80"), method: incoming.method, path: pathname + search, headers: passed },
      (reply) => {
        response.writeHead(reply.statusCode ?? 502, reply.headers);
        reply.on("error", () => response.destroy());
        reply.pipe(response);
      },
    );
    // Bytes after the reply to HEAD are an error too; the reply counts.
    onward.on("error", () => response.headersSent || response.destroy());
    incoming.pipe(onward);
  });
  server.on("connect", (incoming: IncomingMessage, socket: Duplex) => {
    sockets.add(socket);
    socket.on("error", () => {});
    const refusal = note(incoming);
    if (refusal !== undefined) return void socket.end(`HTTP/1.1 ${refusal} No\r\ncontent-length: 0\r\n\r\n`);
    const [, host, port] = /^(.*):(\d+)$/.exec(incoming.url ?? "")!;
    const target: Socket = connect(place(host!, port!), () => {
      socket.write("HTTP/1.1 200 OK\r\n\r\n");
      target.pipe(socket).pipe(target);
    });
    sockets.add(target);
    target.on("error", () => socket.destroy());
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  const close = async (): Promise<void> => {
    if (!server.listening) return;
    const closed = new Promise<void>((resolve) => server.close(() => resolve()));
    for (const socket of sockets) socket.destroy();
    server.closeAllConnections();
    await closed;
  };
  return {
    url: `http://127.0.0.1:${port}`,
    port,
    requests,
    authorizations,
    headers,
    close,
    [Symbol.asyncDispose]: close,
  };
}
