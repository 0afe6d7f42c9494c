/** A socket of our own before somebody else's: the ssh agent's, with the owner and mode that a RUN asks for. */
import { chmodSync, closeSync, constants, openSync } from "node:fs";
import { connect, createServer, type Socket } from "node:net";

export interface ForwardedSocket {
  /** Ends every connection. */
  close(): Promise<void>;
}

/** Listens at `folder`/`name` and forwards to the socket `target`. */
export async function forwardSocket(folder: string, name: string, target: string): Promise<ForwardedSocket> {
  const sockets = new Set<Socket>();
  const keep = (socket: Socket): Socket => {
    sockets.add(socket);
    socket.once("close", () => sockets.delete(socket));
    return socket;
  };
  const server = createServer({ allowHalfOpen: true }, (inner) => {
    const outer = keep(connect({ path: target, allowHalfOpen: true }));
    keep(inner);
    inner.on("error", () => outer.destroy());
    outer.on("error", () => inner.destroy());
    inner.pipe(outer);
    outer.pipe(inner);
  });
  // The address of a socket has 107 bytes at most, the folder's name may have more.
  const folderFd = openSync(folder, constants.O_RDONLY | constants.O_DIRECTORY);
  try {
    await new Promise<void>((resolve, reject) => {
      server.once("error", reject);
      server.listen(`/proc/self/fd/${folderFd}/${name}`, resolve);
    });
    chmodSync(`${folder}/${name}`, 0o600);
  } finally {
    closeSync(folderFd);
  }
  return {
    close: () =>
      new Promise((resolve) => {
        for (const socket of sockets) socket.destroy();
        server.close(() => resolve());
      }),
  };
}
