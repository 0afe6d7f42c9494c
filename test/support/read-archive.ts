/** Reads an image archive back, as blobs and names, with GNU-free code that the exporters do not use. */
import { readFileSync } from "node:fs";
import { MemoryBlobs } from "../../src/cache/memory-blobs.js";
import { digestOf } from "../../src/oci/digest.js";
import type { Descriptor, ImageIndex } from "../../src/oci/types.js";

export interface ReadArchive {
  readonly blobs: MemoryBlobs;
  /** Member names in their order. */
  readonly names: readonly string[];
  readonly files: ReadonlyMap<string, Buffer>;
  readonly index: ImageIndex;
}

/** All members of the tar at `path`. */
export function readMembers(path: string): ReadonlyMap<string, Buffer> {
  const bytes = readFileSync(path);
  const files = new Map<string, Buffer>();
  for (let at = 0; at + 512 <= bytes.length && bytes[at] !== 0; ) {
    const name = bytes.toString("latin1", at, bytes.indexOf(0, at));
    const size = Number.parseInt(bytes.toString("latin1", at + 124, at + 135), 8);
    files.set(name, bytes.subarray(at + 512, at + 512 + size));
    at += 512 + Math.ceil(size / 512) * 512;
  }
  return files;
}

/** The image archive at `path`. */
export async function readImageArchive(path: string): Promise<ReadArchive> {
  const files = readMembers(path);
  const blobs = new MemoryBlobs();
  for (const [name, bytes] of files) {
    if (!name.startsWith("blobs/sha256/") || name.endsWith("/")) continue;
    const digest = digestOf(bytes);
    if (name !== `blobs/sha256/${digest.slice(7)}`) throw new Error(`${name} holds ${digest}`);
    await blobs.write({ mediaType: "", digest, size: bytes.length } as Descriptor, [bytes]);
  }
  const index = JSON.parse(files.get("index.json")?.toString() ?? "null") as ImageIndex;
  return { blobs, names: [...files.keys()], files, index };
}
