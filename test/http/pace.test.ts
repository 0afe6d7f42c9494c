import type { AddressInfo } from "node:net";
import { createServer, type Server, type Socket } from "node:net";
import { afterEach, describe, expect, test } from "vitest";
import type { Clock } from "../../src/http/clock.js";
import { atPace, DEFAULT_PACE, watched } from "../../src/http/pace.js";
import { createTransport, type Transport } from "../../src/http/transport.js";
import { startFileServer } from "../support/file-server.js";

const cleanups: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

/** A clock that only a body moves: each chunk takes `chunkMs` to come. */
class BodyClock implements Clock {
  nowMs = 0;
  monotonicMs(): number {
    return this.nowMs;
  }
  random(): number {
    return 0;
  }
  async sleep(): Promise<void> {}

  async *body(chunks: number, chunkBytes: number, chunkMs: number): AsyncGenerator<Buffer> {
    for (let index = 0; index < chunks; index++) {
      this.nowMs += chunkMs;
      yield Buffer.alloc(chunkBytes);
    }
  }
}

async function sizeOf(body: AsyncIterable<Uint8Array>, onChunk: () => void = () => {}): Promise<number> {
  let size = 0;
  for await (const chunk of body) {
    size += chunk.length;
    onChunk();
  }
  return size;
}

describe("R6: the pace of a body", () => {
  test("R6: one byte each second is given up within the time that the pace is judged in", async () => {
    const clock = new BodyClock();
    const paced = atPace(clock.body(1_000_000, 1, 1_000), DEFAULT_PACE, clock);
    await expect(sizeOf(paced)).rejects.toThrow("only 60 bytes came in 60 s");
    expect(clock.nowMs).toBe(60_000);
  });

  test("R6: a slow line that is fast enough is not", async () => {
    const clock = new BodyClock();
    expect(await sizeOf(atPace(clock.body(10_000, 1_000, 1_000), DEFAULT_PACE, clock))).toBe(10_000_000);
  });

  test("R6: the consumer's time does not count", async () => {
    const clock = new BodyClock();
    const paced = atPace(clock.body(10, 1, 1), DEFAULT_PACE, clock);
    const takeAnHour = (): void => {
      clock.nowMs += 3_600_000;
    };
    expect(await sizeOf(paced, takeAnHour)).toBe(10);
  });

  test("a body that is not taken is noticed, one that is taken is not", async () => {
    let stalls = 0;
    const body = watched(Buffer.alloc(1_000_000), 20, () => void stalls++);
    expect(await sizeOf(body)).toBe(1_000_000);
    expect(stalls).toBe(0);
    const left = watched(Buffer.alloc(1_000_000), 20, () => void stalls++);
    await left.next();
    await new Promise((resolve) => setTimeout(resolve, 60));
    expect(stalls).toBe(1);
    await left.return(undefined);
  });
});

function transport(): Transport {
  const created = createTransport({
    userAgent: "test",
    timeouts: { connectMs: 500, headersMs: 300, uploadReplyMs: 300_000, bodyIdleMs: 300 },
    connectionsPerOrigin: 2,
    insecureHosts: new Set(),
  });
  cleanups.push(() => created.close());
  return created;
}

async function listen(serve: (socket: Socket) => void): Promise<URL> {
  const sockets = new Set<Socket>();
  const server: Server = createServer((socket) => {
    sockets.add(socket);
    socket.on("error", () => {});
    serve(socket);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  cleanups.push(async () => {
    for (const socket of sockets) socket.destroy();
    await new Promise((resolve) => server.close(resolve));
  });
  return new URL(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`);
}

describe("R6: a server that", () => {
  test("R6: sends its headers byte by byte is given up in time", async () => {
    const url = await listen((socket) => {
      socket.write("HTTP/1.1 200 OK\r\nx-slow: ");
      const timer = setInterval(() => socket.write("x"), 50);
      socket.on("close", () => clearInterval(timer));
    });
    const sent = transport().send({ method: "GET", url, home: url, headers: {} });
    await expect(sent).rejects.toMatchObject({ code: "REGISTRY_REQUEST", details: { retryable: true } });
  });

  test("R6: does not take an upload is given up in time, long before a reply would be", async () => {
    const url = await listen((socket) => void socket.pause());
    const bytes = Buffer.alloc(64 * 1024 * 1024);
    const body = { size: bytes.length, open: () => bytes };
    const sent = transport().send({ method: "PUT", url, home: url, headers: {}, body });
    await expect(sent).rejects.toMatchObject({
      code: "REGISTRY_REQUEST",
      message: expect.stringContaining("the upload stalled"),
      details: { retryable: true },
    });
  });

  test("R12: sends more headers than anybody needs is not listened to", async () => {
    const url = await listen((socket) => void socket.write(`HTTP/1.1 200 OK\r\nx: ${"x".repeat(70_000)}`));
    const sent = transport().send({ method: "GET", url, home: url, headers: {} });
    await expect(sent).rejects.toMatchObject({ code: "REGISTRY_PROTOCOL" });
  });

  test("R12: speaks something else than HTTP is REGISTRY_PROTOCOL", async () => {
    const url = await listen((socket) => void socket.on("data", () => socket.write("SSH-2.0-x\r\n")));
    const sent = transport().send({ method: "GET", url, home: url, headers: {} });
    await expect(sent).rejects.toMatchObject({ code: "REGISTRY_PROTOCOL" });
  });

  test("R12: answers what nobody has asked does not have it taken for the next answer", async () => {
    await using honest = await startFileServer({ "/b": "honest" });
    const url = await listen((socket) => {
      const lie = "HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\n";
      socket.on("data", () => socket.write(`${lie}one${lie}two`));
    });
    const through = transport();
    const first = await through.send({ method: "GET", url, home: url, headers: {} });
    expect(String(await first.bytes(100))).toBe("one");
    await new Promise((resolve) => setTimeout(resolve, 50));
    const second = await through
      .send({ method: "GET", url, home: url, headers: {} })
      .then(async (reply) => String(await reply.bytes(100)))
      .catch((error: { code?: string }) => error.code);
    expect(second).not.toBe("two");
    const other = new URL(`${honest.url}/b`);
    const third = await through.send({ method: "GET", url: other, home: other, headers: {} });
    expect(String(await third.bytes(100))).toBe("honest");
  });
});
