/** A web server on loopback whose answers a test writes itself. */
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

export interface FileServer extends AsyncDisposable {
  /** Origin. */
  readonly url: string;
  /** Paths asked for, in their order. */
  readonly requests: readonly string[];
}

/** A whole body, or what writes the answer itself. */
export type Answer = string | Buffer | ((response: ServerResponse, request: IncomingMessage) => void);

/** Serves `answers` by path; 404 for others. */
export async function startFileServer(answers: Readonly<Record<string, Answer>>): Promise<FileServer> {
  const requests: string[] = [];
  const server = createServer((request, response) => {
    const path = request.url ?? "/";
    requests.push(path);
    const answer = Object.hasOwn(answers, path) ? answers[path] : undefined;
    if (typeof answer === "function") answer(response, request);
    else if (answer === undefined) response.writeHead(404).end("nothing here");
    else response.writeHead(200, { "content-length": Buffer.byteLength(answer) }).end(answer);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    requests,
    async [Symbol.asyncDispose]() {
      const closed = new Promise((resolve) => server.close(resolve));
      server.closeAllConnections();
      await closed;
    },
  };
}
