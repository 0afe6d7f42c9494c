import { createHash } from "node:crypto";
import { writeFileSync } from "node:fs";
import { availableParallelism } from "node:os";
import { join } from "node:path";
import { afterEach, describe, expect, it, vi } from "vitest";
import { HashThread } from "../../src/cache/hash-thread.js";
import { type ReadOptions, readVerified } from "../../src/cache/verified-file.js";
import { bundleScript } from "../support/child.js";
import { runProgram } from "../support/program.js";
import { tempFolder } from "../support/temp-folder.js";

/** More than a thread is worth, and no whole number of chunks. */
const LARGE_BYTES = 33 * 1024 * 1024 + 12_345;

function sha256(bytes: Uint8Array): string {
  return createHash("sha256").update(bytes).digest("hex");
}

/** Bytes that say where they are: every chunk is another. */
function largeContent(): Buffer {
  const bytes = Buffer.alloc(LARGE_BYTES);
  for (let at = 0; at + 4 <= bytes.length; at += 4096) bytes.writeUInt32LE(at, at);
  return bytes;
}

afterEach(() => vi.restoreAllMocks());

const WAYS: [string, ReadOptions][] = [
  ["in memory of its own", {}],
  ["in memory that is used again", { recycles: true }],
];

describe.each(WAYS)("a large file, read %s", (_, options) => {
  it("comes out as it is", async () => {
    const path = join(tempFolder(), "large");
    const content = largeContent();
    writeFileSync(path, content);
    const hash = createHash("sha256");
    let size = 0;
    for await (const chunk of readVerified(path, { digest: `sha256:${sha256(content)}`, size: LARGE_BYTES }, options)) {
      hash.update(chunk);
      size += chunk.length;
    }
    expect([hash.digest("hex"), size]).toEqual([sha256(content), LARGE_BYTES]);
  });

  it.each([0, 20_000_000, LARGE_BYTES - 1])("K5: is refused before its end when byte %i is another", async (at) => {
    const path = join(tempFolder(), "large");
    const content = largeContent();
    const digest = `sha256:${sha256(content)}`;
    content[at]! ^= 1;
    writeFileSync(path, content);
    let size = 0;
    const reading = async (): Promise<void> => {
      for await (const chunk of readVerified(path, { digest, size: LARGE_BYTES }, options)) size += chunk.length;
    };
    await expect(reading()).rejects.toMatchObject({ code: "BLOB_DIGEST_MISMATCH" });
    expect(size).toBeLessThan(LARGE_BYTES);
  });
});

it("keeps the last two chunks as they are where memory is used again", async () => {
  const path = join(tempFolder(), "large");
  const content = largeContent();
  writeFileSync(path, content);
  const expected = { digest: `sha256:${sha256(content)}`, size: LARGE_BYTES };
  let at = 0;
  let before: { readonly at: number; readonly chunk: Buffer } | undefined;
  for await (const chunk of readVerified(path, expected, { recycles: true })) {
    // Time for the next one to be read.
    await new Promise((resolve) => setTimeout(resolve, 2));
    if (before !== undefined) {
      expect(before.chunk.equals(content.subarray(before.at, before.at + before.chunk.length))).toBe(true);
    }
    before = { at, chunk };
    at += chunk.length;
  }
});

it.runIf(availableParallelism() > 1)("hashes without a thread where the system has none", async () => {
  const path = join(tempFolder(), "large");
  const content = largeContent();
  writeFileSync(path, content);
  const none = vi.spyOn(HashThread.prototype, "digest").mockRejectedValue(new Error("EAGAIN"));
  let size = 0;
  const expected = { digest: `sha256:${sha256(content)}`, size: LARGE_BYTES };
  for await (const chunk of readVerified(path, expected)) size += chunk.length;
  expect(size).toBe(LARGE_BYTES);
  expect(none).toHaveBeenCalledOnce();
});

it("does not keep the process when a file is opened and forgotten", async () => {
  const folder = tempFolder();
  const path = join(folder, "large");
  writeFileSync(path, largeContent());
  const script = await bundleScript(join(import.meta.dirname, "..", "support", "forget-file.ts"), folder);
  expect(await runProgram(process.execPath, [script, path, String(LARGE_BYTES)])).toBe("forgotten\n");
});

describe("HashThread", () => {
  it("hashes chunks of all lengths, more than it has room for at once", async () => {
    using thread = new HashThread(1000);
    const hash = createHash("sha256");
    for (let length = 1; length <= 1000; length += 9) {
      const chunk = Buffer.alloc(length, length);
      hash.update(chunk);
      await thread.update(chunk);
      chunk.fill(0);
    }
    expect(await thread.digest()).toBe(hash.digest("hex"));
  });

  it("tells when it was ended before", async () => {
    const thread = new HashThread(10);
    thread[Symbol.dispose]();
    await expect(thread.digest()).rejects.toThrow("thread ended");
  });
});
