/** What the in-process registry answers, as data: handlers make replies, faults change them, the server writes them. */
import { once } from "node:events";
import type { ServerResponse } from "node:http";
import { setTimeout as delay } from "node:timers/promises";

/** Bytes that are read while they are sent. */
export interface BodySource {
  readonly size: number;
  open(): AsyncIterable<Buffer> | Iterable<Buffer>;
}

export interface Reply {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string | readonly string[]>>;
  readonly body?: Buffer | BodySource;
  /** Replaces the true Content-Length. `null`: none is sent, the body is chunked. */
  readonly contentLength?: number | null;
  /** The connection is reset after so many bytes of the body. */
  readonly resetAfter?: number;
  /** Nothing more is sent after so many bytes of the body. */
  readonly stallAfter?: number;
  /** Byte by byte with pauses: the first `bytes`, each after `everyMs`. */
  readonly drip?: { readonly bytes: number; readonly everyMs: number };
  /** The reply comes so much later. */
  readonly delayMs?: number;
}

/** A reply whose body is at hand: what faults change. */
export interface WholeReply extends Reply {
  readonly body?: Buffer;
}

/** An error reply in the distribution specification's form. @spec distribution-spec#error-codes */
export function errorReply(status: number, code: string, message: string, headers: Reply["headers"] = {}): WholeReply {
  return {
    status,
    headers: { "content-type": "application/json", ...headers },
    body: Buffer.from(JSON.stringify({ errors: [{ code, message, detail: null }] })),
  };
}

export function json(value: unknown): WholeReply {
  return { status: 200, headers: { "content-type": "application/json" }, body: Buffer.from(JSON.stringify(value)) };
}

export function unknown(code: "NAME_UNKNOWN" | "MANIFEST_UNKNOWN" | "BLOB_UNKNOWN"): Reply {
  return errorReply(404, code, "not known to the registry");
}

export function unsupported(): Reply {
  return errorReply(405, "UNSUPPORTED", "the operation is not supported");
}

/** The bytes of a request; `undefined` when they are more than `limitBytes`. */
export async function readBody(chunks: AsyncIterable<Buffer>, limitBytes: number): Promise<Buffer | undefined> {
  const parts: Buffer[] = [];
  let size = 0;
  for await (const chunk of chunks) {
    size += chunk.length;
    if (size <= limitBytes) parts.push(chunk);
  }
  return size > limitBytes ? undefined : Buffer.concat(parts);
}

/** The reply with its body read, so that it can be changed. */
export async function wholeReply({ body, ...reply }: Reply): Promise<WholeReply> {
  if (body === undefined || Buffer.isBuffer(body)) return { ...reply, ...(body === undefined ? {} : { body }) };
  const parts: Buffer[] = [];
  for await (const chunk of body.open()) parts.push(chunk);
  return { ...reply, body: Buffer.concat(parts) };
}

/** Writes the reply. A HEAD request gets the headers that GET would have got. */
export async function writeReply(response: ServerResponse, reply: Reply, method: string): Promise<void> {
  const { body = Buffer.alloc(0) } = reply;
  const size = Buffer.isBuffer(body) ? body.length : body.size;
  const contentLength = reply.contentLength === undefined ? size : reply.contentLength;
  for (const [name, value] of Object.entries(reply.headers ?? {})) {
    response.setHeader(name, typeof value === "string" ? value : [...value]);
  }
  const bodiless = reply.status === 204 || reply.status === 304;
  if (contentLength !== null && !bodiless) response.setHeader("content-length", contentLength);
  // A length that lies is sent as it is.
  response.strictContentLength = false;
  if (reply.delayMs !== undefined) await delay(reply.delayMs, undefined, { ref: false });
  response.writeHead(reply.status);
  if (method === "HEAD" || bodiless) {
    response.end();
    return;
  }
  if (Buffer.isBuffer(body)) await sendPart(response, reply, body);
  else await sendAll(response, body);
  if (reply.resetAfter !== undefined) response.socket?.resetAndDestroy();
  else if (reply.stallAfter === undefined) response.end();
}

async function sendPart(response: ServerResponse, reply: Reply, body: Buffer): Promise<void> {
  const slow = reply.drip?.bytes ?? 0;
  for (let at = 0; at < Math.min(slow, body.length) && !response.destroyed; at++) {
    response.write(body.subarray(at, at + 1));
    await delay(reply.drip!.everyMs, undefined, { ref: false });
  }
  const sent = body.subarray(slow, reply.resetAfter ?? reply.stallAfter ?? body.length);
  await new Promise<void>((resolve) => {
    if (sent.length === 0) response.flushHeaders();
    response.write(sent.length === 0 ? "" : sent, () => resolve());
    response.once("close", resolve);
  });
}

async function sendAll(response: ServerResponse, body: BodySource): Promise<void> {
  for await (const chunk of body.open()) {
    if (response.destroyed) return;
    if (!response.write(chunk)) await Promise.race([once(response, "drain"), once(response, "close")]);
  }
}
