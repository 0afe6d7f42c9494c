/** Stands between a client and an engine's socket, and counts what the client sends. */
import { connect, createServer, type Socket } from "node:net";
import { join } from "node:path";

export interface SocketRecorder extends AsyncDisposable {
  /** As DOCKER_HOST has it. */
  readonly host: string;
  /** Bytes from clients so far. */
  sentBytes(): number;
  /** Archives of images that were sent. */
  loads(): number;
}

/** @param target `unix://…` */
export async function recordingProxy(target: string, folder: string): Promise<SocketRecorder> {
  let bytes = 0;
  let loads = 0;
  const sockets = new Set<Socket>();
  const path = join(folder, "r.sock");
  const server = createServer((client) => {
    const engine = connect(target.replace("unix://", ""));
    for (const [from, to] of [
      [client, engine],
      [engine, client],
    ] as const) {
      sockets.add(from);
      from.on("error", () => to.destroy());
      from.on("close", () => sockets.delete(from));
    }
    client.on("data", (chunk: Buffer) => {
      bytes += chunk.length;
      loads += chunk.toString("latin1").split("POST /images/load").length - 1;
    });
    client.pipe(engine).pipe(client);
  });
  await new Promise<void>((resolve) => server.listen(path, resolve));
  return {
    host: `unix://${path}`,
    sentBytes: () => bytes,
    loads: () => loads,
    [Symbol.asyncDispose]: async () => {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
