/** A server in front of another one that cuts each of the first connections after so many bytes. */
import { type AddressInfo, connect, createServer, type Socket } from "node:net";

export interface CuttingProxy extends AsyncDisposable {
  /** `127.0.0.1:port`. */
  readonly host: string;
  /** How many connections were cut. */
  readonly cuts: number;
}

export interface CuttingOptions {
  readonly afterBytes: number;
  readonly times: number;
  /** Which bytes are counted: those towards the server, unless given. */
  readonly of?: "requests" | "replies";
}

export async function startCuttingProxy(
  target: string,
  { afterBytes, times, of = "requests" }: CuttingOptions,
): Promise<CuttingProxy> {
  const [name, port] = target.split(":");
  const sockets = new Set<Socket>();
  let cuts = 0;
  const server = createServer((socket) => {
    const onward = connect(Number(port), name);
    let passed = 0;
    for (const each of [socket, onward]) {
      sockets.add(each);
      each.on("error", () => {});
    }
    const [counted, other] = of === "requests" ? [socket, onward] : [onward, socket];
    counted.on("data", (chunk: Buffer) => {
      passed += chunk.length;
      if (cuts < times && passed > afterBytes) {
        cuts++;
        // What has been passed on arrives; our side sees a broken connection.
        onward.end();
        return void socket.resetAndDestroy();
      }
      if (!other.write(chunk)) {
        counted.pause();
        other.once("drain", () => counted.resume());
      }
    });
    counted.on("end", () => other.end());
    other.pipe(counted);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    host: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    get cuts() {
      return cuts;
    },
    async [Symbol.asyncDispose]() {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      for (const socket of sockets) socket.destroy();
      await closed;
    },
  };
}
