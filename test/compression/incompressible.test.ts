import { createHash, randomBytes } from "node:crypto";
import { deflateRawSync } from "node:zlib";
import { describe, expect, it } from "vitest";
import { isIncompressible } from "../../src/compression/incompressible.js";

const BLOCK = 1024 * 1024;
const text = Buffer.concat(
  Array.from({ length: 30_000 }, (_, index) =>
    Buffer.from(`line ${index} ${createHash("md5").update(`${index}`).digest("hex")}\n`),
  ),
).subarray(0, BLOCK);

describe("isIncompressible", () => {
  it("is true for random and for compressed bytes", () => {
    expect(isIncompressible(randomBytes(BLOCK))).toBe(true);
    expect(isIncompressible(deflateRawSync(text))).toBe(true);
  });

  it("is false for text, zeros, base64 and for blocks that are one tenth text", () => {
    expect(isIncompressible(text)).toBe(false);
    expect(isIncompressible(Buffer.alloc(BLOCK))).toBe(false);
    expect(isIncompressible(Buffer.from(randomBytes(BLOCK).toString("base64").slice(0, BLOCK)))).toBe(false);
    const mostlyRandom = Buffer.concat([text.subarray(0, BLOCK / 8), randomBytes(BLOCK - BLOCK / 8)]);
    expect(isIncompressible(mostlyRandom)).toBe(false);
  });

  it("is false for what is too short to tell", () => {
    expect(isIncompressible(randomBytes(16 * 1024 - 1))).toBe(false);
    expect(isIncompressible(Buffer.alloc(0))).toBe(false);
  });
});
