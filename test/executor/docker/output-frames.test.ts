import { expect, test } from "vitest";
import { readOutput } from "../../../src/executor/docker/output-frames.js";

function frame(stream: number, text: string): Buffer {
  const header = Buffer.alloc(8);
  header[0] = stream;
  header.writeUInt32BE(Buffer.byteLength(text), 4);
  return Buffer.concat([header, Buffer.from(text)]);
}

async function read(bytes: Buffer, chunkBytes: number): Promise<string[]> {
  async function* chunks(): AsyncGenerator<Buffer> {
    for (let at = 0; at < bytes.length; at += chunkBytes) yield bytes.subarray(at, at + chunkBytes);
  }
  const said: string[] = [];
  await readOutput(chunks(), {
    onOutput: async (stream, chunk) => {
      const text = chunk.toString();
      await new Promise((resolve) => setImmediate(resolve));
      const last = said.at(-1);
      if (last?.startsWith(`${stream}:`)) said[said.length - 1] = last + text;
      else said.push(`${stream}:${text}`);
    },
  });
  return said;
}

const WHOLE = Buffer.concat([frame(1, "one\n"), frame(2, "wrong\n"), frame(1, ""), frame(1, "two\n")]);

test("frames come out in their order, wherever they are cut", async () => {
  for (let chunkBytes = 1; chunkBytes <= WHOLE.length; chunkBytes++) {
    expect(await read(WHOLE, chunkBytes)).toEqual(["stdout:one\n", "stderr:wrong\n", "stdout:two\n"]);
  }
});

test("output that breaks off, or is in no frames, is an error", async () => {
  await expect(read(WHOLE.subarray(0, -1), 5)).rejects.toMatchObject({ code: "EXECUTOR_FAILED" });
  await expect(read(WHOLE.subarray(0, 3), 5)).rejects.toMatchObject({ code: "EXECUTOR_FAILED" });
  await expect(read(Buffer.from("plain text of a terminal"), 5)).rejects.toMatchObject({ code: "EXECUTOR_FAILED" });
});
