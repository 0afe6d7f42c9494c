/** Our decoders against the programs whose formats they read. */
import { execFileSync } from "node:child_process";
import { describe, expect, test } from "vitest";
import { type ArchiveCompression, decompressAs } from "../../src/compression/decompress.js";
import { bytesFor } from "../support/registry.js";
import { requireTool } from "../support/tools.js";

const ready = requireTool("xz", "bzip2");

/** Content of kinds that compressors treat differently. */
function contents(): readonly (readonly [string, Buffer])[] {
  const text = Buffer.from(Array.from({ length: 150_000 }, (_, at) => `line ${at % 977} of ${at}\n`).join(""));
  const noise = bytesFor("noise", 700_000);
  return [
    ["nothing", Buffer.alloc(0)],
    ["one byte", Buffer.from("x")],
    ["text", text],
    ["noise", noise],
    ["zeros", Buffer.alloc(5_000_000)],
    ["runs", Buffer.concat(Array.from({ length: 4000 }, (_, at) => Buffer.alloc(at % 300, at)))],
    ["all of it", Buffer.concat([text, noise, Buffer.alloc(1_000_000), noise, text])],
    ["a program", execFileSync("cat", [process.execPath], { maxBuffer: 1e9 }).subarray(0, 8_000_000)],
  ];
}

async function unpack(kind: ArchiveCompression, bytes: Buffer): Promise<Buffer> {
  const parts: Buffer[] = [];
  const chunks = Array.from({ length: Math.ceil(bytes.length / 65_536) }, (_, at) =>
    bytes.subarray(at * 65_536, (at + 1) * 65_536),
  );
  for await (const part of decompressAs(chunks, kind)) parts.push(part);
  return Buffer.concat(parts);
}

describe.runIf(ready)("what comes out is what went in", () => {
  test.each([
    ["xz", ["-0"]],
    ["xz", ["-6"]],
    ["xz", ["-6", "-T2", "--block-size=300000"]],
    ["xz", ["--lzma2=preset=1,lc=0,lp=2,pb=0,dict=64KiB", "-C", "sha256"]],
    ["xz", ["--lzma2=preset=3,lc=1,lp=3,pb=4,mf=bt2,nice=8", "-C", "crc32"]],
    ["bzip2", ["-1"]],
    ["bzip2", ["-9"]],
  ] as const)("%s %j", async (program, options) => {
    for (const [name, content] of contents()) {
      const packed = execFileSync(program, [...options, "-c"], { input: content, maxBuffer: 1e9 });
      expect([name, (await unpack(program, packed)).equals(content)]).toEqual([name, true]);
    }
  });
});
