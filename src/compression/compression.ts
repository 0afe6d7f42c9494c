/** The compressions of layer blobs, and what this Node can do. */
import zlib from "node:zlib";
import { OcibuildError } from "../errors.js";

/** How a layer is compressed: gzip levels 0–9 (4 is the default of ocibuild), zstd levels 1–22. */
export type Compression =
  | { readonly kind: "uncompressed" }
  | { readonly kind: "gzip"; readonly level: number }
  | { readonly kind: "zstd"; readonly level: number };

/** Half the time of level 6 and 5 % more bytes. */
export const DEFAULT_GZIP_LEVEL = 4;
export const DEFAULT_ZSTD_LEVEL = 3;

/** The part of `node:zlib` that Node has from 22.15 and 23.8 on. */
export interface ZstdFunctions {
  zstdCompress(
    bytes: Buffer,
    options: { readonly params: Readonly<Record<number, number>> },
    done: (error: Error | null, compressed: Buffer) => void,
  ): void;
  createZstdDecompress(options: {
    readonly chunkSize: number;
    readonly readableHighWaterMark: number;
    readonly params: Readonly<Record<number, number>>;
  }): zlib.Gunzip;
  readonly constants: { readonly ZSTD_c_compressionLevel: number; readonly ZSTD_d_windowLogMax: number };
}

/** Whether this Node reads and writes zstd. */
export function isZstdAvailable(): boolean {
  return "zstdCompress" in zlib;
}

/** @throws COMPRESSION_UNSUPPORTED on a Node without zstd */
export function zstdFunctions(): ZstdFunctions {
  if (isZstdAvailable()) return zlib as unknown as ZstdFunctions;
  throw new OcibuildError("COMPRESSION_UNSUPPORTED", `zstd needs Node 22.15 or newer but this is ${process.version}`, {
    details: { compression: "zstd" },
    hint: "Use gzip, or a newer Node.",
  });
}

/** @throws COMPRESSION_UNSUPPORTED when the level is out of range or this Node lacks the algorithm */
export function assertCompression(compression: Compression): void {
  if (compression.kind === "uncompressed") return;
  const [lowest, highest] = compression.kind === "gzip" ? [0, 9] : [1, 22];
  const { level } = compression;
  if (!Number.isInteger(level) || level < lowest || level > highest) {
    throw new OcibuildError(
      "COMPRESSION_UNSUPPORTED",
      `${compression.kind} expected a level from ${lowest} to ${highest} but got ${level}`,
      { details: { compression: `${compression.kind} level ${level}` } },
    );
  }
  if (compression.kind === "zstd") zstdFunctions();
}

/**
 * Everything that decides the compressed bytes of a given tar, as one string: two blobs with the same diffID and the same
 * spec are the same blob. Changes with the format of our output and with the library that Node brings.
 */
export function compressionSpec(compression: Compression): string {
  if (compression.kind === "uncompressed") return "uncompressed";
  const library = compression.kind === "gzip" ? "zlib" : "zstd";
  const version = process.versions[library] ?? "unknown";
  return `${compression.kind} level=${compression.level} format=1 ${library}=${version} ${process.arch}`;
}
