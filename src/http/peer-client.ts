/**
 * HTTP with one peer that the user named: a socket of this machine or an address. No redirects, no retries, no limits of
 * time for answers, and connections that are taken over for bytes in both directions.
 */
import type { Duplex } from "node:stream";
import { type Dispatcher, Pool } from "undici";

export interface PeerAddress {
  /** `http://name` for a socket; else scheme, host and port. */
  readonly origin: string;
  /** Path of a Unix socket or a named pipe. */
  readonly socketPath?: string;
  /** PEM files' content. Without it nothing but the system's authorities is known. */
  readonly tls?: { readonly ca?: Buffer; readonly cert?: Buffer; readonly key?: Buffer; readonly verify: boolean };
}

export interface PeerRequest {
  readonly method: "GET" | "HEAD" | "POST" | "PUT" | "DELETE";
  /** With its query. */
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: Buffer | AsyncIterable<Uint8Array>;
  readonly signal?: AbortSignal;
}

export interface PeerReply {
  readonly status: number;
  header(name: string): string | undefined;
  /** Must be read to its end, or left by `discard`. */
  readonly body: AsyncIterable<Buffer>;
  discard(): Promise<void>;
}

export interface PeerClient {
  /** @throws the system's or undici's error; the signal's reason */
  request(request: PeerRequest): Promise<PeerReply>;
  /** A POST that turns its connection into a stream; `undefined` when the peer answers anything but 101. */
  upgrade(path: string, protocol: string, signal?: AbortSignal): Promise<Duplex | undefined>;
  /** Ends every connection. */
  close(): Promise<void>;
}

const CONNECT_TIMEOUT_MS = 15_000;
const MAX_DISCARD_BYTES = 64 * 1024;

export function createPeerClient({ origin, socketPath, tls }: PeerAddress): PeerClient {
  const pool = new Pool(origin, {
    bodyTimeout: 0,
    headersTimeout: 0,
    connect: {
      timeout: CONNECT_TIMEOUT_MS,
      ...(socketPath === undefined ? {} : { socketPath }),
      ...(tls === undefined ? {} : { ca: tls.ca, cert: tls.cert, key: tls.key, rejectUnauthorized: tls.verify }),
    },
  });
  return {
    async request({ method, path, headers, body, signal }) {
      const reply = await pool.request({
        method,
        path,
        headers: { ...headers },
        // undici's types do not name async iterables, which it takes.
        body: (body ?? null) as Buffer | null,
        signal: signal ?? null,
      });
      return {
        status: reply.statusCode,
        header: (name) => headerOf(reply, name),
        body: reply.body,
        discard: () => reply.body.dump({ limit: MAX_DISCARD_BYTES }).catch(() => {}) as Promise<void>,
      };
    },
    async upgrade(path, protocol, signal) {
      try {
        return (await pool.upgrade({ method: "POST", path, protocol, signal: signal ?? null })).socket;
      } catch (error) {
        if ((error as Error).message === "bad upgrade") return undefined;
        throw error;
      }
    },
    close: () => pool.destroy(),
  };
}

function headerOf(reply: Dispatcher.ResponseData, name: string): string | undefined {
  const value = reply.headers[name];
  return typeof value === "string" || value === undefined ? value : value.join(", ");
}
