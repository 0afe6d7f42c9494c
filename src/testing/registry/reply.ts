/** What the in-process registry answers, as data: handlers make replies, faults change them, the server writes them. */
import type { ServerResponse } from "node:http";

export interface Reply {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string | readonly string[]>>;
  readonly body?: Buffer;
  /** Replaces the true Content-Length. `null`: none is sent, the body is chunked. */
  readonly contentLength?: number | null;
  /** The connection is reset after so many bytes of the body. */
  readonly resetAfter?: number;
  /** Nothing more is sent after so many bytes of the body. */
  readonly stallAfter?: number;
}

/** An error reply in the distribution specification's form. @spec distribution-spec#error-codes */
export function errorReply(status: number, code: string, message: string, headers: Reply["headers"] = {}): Reply {
  return {
    status,
    headers: { "content-type": "application/json", ...headers },
    body: Buffer.from(JSON.stringify({ errors: [{ code, message, detail: null }] })),
  };
}

/** Writes the reply. A HEAD request gets the headers that GET would have got. */
export async function writeReply(response: ServerResponse, reply: Reply, method: string): Promise<void> {
  const body = reply.body ?? Buffer.alloc(0);
  const contentLength = reply.contentLength === undefined ? body.length : reply.contentLength;
  for (const [name, value] of Object.entries(reply.headers ?? {})) {
    response.setHeader(name, typeof value === "string" ? value : [...value]);
  }
  const bodiless = reply.status === 204 || reply.status === 304;
  if (contentLength !== null && !bodiless) response.setHeader("content-length", contentLength);
  // A length that lies is sent as it is.
  response.strictContentLength = false;
  response.writeHead(reply.status);
  if (method === "HEAD" || bodiless) {
    response.end();
    return;
  }
  const sent = body.subarray(0, reply.resetAfter ?? reply.stallAfter ?? body.length);
  await new Promise<void>((resolve) => {
    if (sent.length === 0) response.flushHeaders();
    response.write(sent.length === 0 ? "" : sent, () => resolve());
    response.once("close", resolve);
  });
  if (reply.resetAfter !== undefined) response.socket?.resetAndDestroy();
  else if (reply.stallAfter === undefined) response.end();
}
