/** A server in front of another one that remembers what was asked for. */
import { createServer, type IncomingMessage, request } from "node:http";
import type { AddressInfo } from "node:net";
import { pipeline } from "node:stream";

export interface RecordedRequest {
  readonly method: string;
  /** With the query. */
  readonly path: string;
  readonly status: number;
  /** Of the request's body. */
  readonly sentBytes: number;
}

export interface RecordingProxy extends AsyncDisposable {
  /** `127.0.0.1:port`. */
  readonly host: string;
  readonly url: string;
  /** What was asked for since the last call, in the order in which the answers began. */
  take(): RecordedRequest[];
}

/** Starts a server that passes everything on to `target` (`host:port`) under its own name. */
export async function startRecordingProxy(target: string): Promise<RecordingProxy> {
  const [hostname, port] = target.split(":");
  let recorded: RecordedRequest[] = [];
  const server = createServer((incoming, outgoing) => {
    const { method = "GET", url: path = "/", headers } = incoming;
    let sentBytes = 0;
    incoming.on("data", (chunk: Buffer) => {
      sentBytes += chunk.length;
    });
    const forwarded = request({ hostname, port, method, path, headers }, (answer: IncomingMessage) => {
      const status = answer.statusCode ?? 0;
      recorded.push({ method, path, status, sentBytes });
      outgoing.writeHead(status, answer.rawHeaders);
      pipeline(answer, outgoing, () => undefined);
    });
    pipeline(incoming, forwarded, (error) => {
      if (error) outgoing.destroy();
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const host = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  return {
    host,
    url: `http://${host}`,
    take: () => {
      const taken = recorded;
      recorded = [];
      return taken;
    },
    async [Symbol.asyncDispose]() {
      const closed = new Promise((resolve) => server.close(resolve));
      server.closeAllConnections();
      await closed;
    },
  };
}
