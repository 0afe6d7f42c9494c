/** Small images made by hand, for tests of what reads and writes images. */
import { gzipSync } from "node:zlib";
import { MemoryBlobs } from "../../src/cache/memory-blobs.js";
import type { LayerEntry } from "../../src/layers/layer-entry.js";
import { assembleImage, assembleIndex } from "../../src/oci/assemble-image.js";
import type { BlobWriter } from "../../src/oci/blobs.js";
import { type DiffId, digestOf } from "../../src/oci/digest.js";
import { type LayerCompression, layerMediaType, type MediaTypeFamily } from "../../src/oci/media-types.js";
import { parsePlatform } from "../../src/oci/platform.js";
import { parseReference } from "../../src/oci/reference.js";
import type { ExecutionConfig, Image, Layer } from "../../src/oci/types.js";
import type { BuildResult } from "../../src/output/exporter.js";
import type { EntryType, TarEntry } from "../../src/tar/entry.js";
import { encodeHeader, headerSizeBound, paddingOf } from "../../src/tar/header.js";
import { bytesOf } from "../../src/util/bytes.js";

export interface FileSpec extends Partial<Omit<TarEntry, "path" | "linkname" | "type">> {
  readonly path: string;
  readonly type?: EntryType;
  readonly linkname?: string;
  readonly content?: string | Buffer;
}

/** A layer entry of `spec`; a file of mode 0644 of 2023 unless it says otherwise. */
export function layerEntry({ content, ...spec }: FileSpec): LayerEntry {
  const bytes = Buffer.from(content ?? "");
  const type = spec.type ?? "file";
  const entry: TarEntry = {
    mode: type === "dir" ? 0o755 : 0o644,
    uid: 0,
    gid: 0,
    mtimeSeconds: 1_700_000_000,
    mtimeNanos: 0,
    devMajor: 0,
    devMinor: 0,
    xattrs: undefined,
    size: bytes.length,
    ...spec,
    type,
    path: bytesOf(spec.path),
    linkname: bytesOf(spec.linkname ?? ""),
  };
  return {
    entry,
    open: () => {
      let at = 0;
      return {
        read(target, offset, length) {
          const read = bytes.copy(target, offset, at, at + length);
          at += read;
          return read;
        },
        close() {},
      };
    },
    onContentDigest: undefined,
  };
}

/** The tar of `files`. */
export function tarOf(files: readonly FileSpec[]): Buffer {
  const parts = files.flatMap((file) => {
    const { entry } = layerEntry(file);
    const header = Buffer.alloc(headerSizeBound(entry));
    const length = encodeHeader(entry, header, 0);
    return [header.subarray(0, length), Buffer.from(file.content ?? ""), Buffer.alloc(paddingOf(entry.size))];
  });
  return Buffer.concat([...parts, Buffer.alloc(1024)]);
}

/** Stores `tar` as a layer. */
export async function addLayer(blobs: BlobWriter, tar: Buffer, compression: LayerCompression = "gzip"): Promise<Layer> {
  const bytes = compression === "gzip" ? gzipSync(tar) : tar;
  const descriptor = {
    mediaType: layerMediaType({ family: "oci", compression, foreign: false }),
    digest: digestOf(bytes),
    size: bytes.length,
  };
  await blobs.write(descriptor, [bytes]);
  return { diffId: digestOf(tar) as string as DiffId, descriptor };
}

export interface ImageSpec {
  readonly platform?: string;
  readonly layers?: readonly (readonly FileSpec[])[];
  readonly config?: ExecutionConfig;
  readonly mediaTypes?: MediaTypeFamily;
  readonly compression?: LayerCompression;
}

export const HELLO: readonly FileSpec[] = [
  { path: "etc", type: "dir" },
  { path: "etc/hello", content: "hello\n" },
];

/** Stores the image that `spec` describes, documents included. */
export async function addImage(blobs: BlobWriter, spec: ImageSpec = {}): Promise<Image> {
  const layers: Layer[] = [];
  for (const files of spec.layers ?? [HELLO]) layers.push(await addLayer(blobs, tarOf(files), spec.compression));
  const image = assembleImage({
    config: { ...parsePlatform(spec.platform ?? "linux/amd64"), config: spec.config ?? { Cmd: ["/bin/hello"] } },
    layers,
    history: layers.map((_, at) => ({
      created: "2023-11-14T22:13:20Z",
      created_by: `COPY ${at} /`,
      comment: "ocibuild",
    })),
    created: "2023-11-14T22:13:20Z",
    mediaTypes: spec.mediaTypes ?? "oci",
  });
  await blobs.write(image.manifest.config, [image.configBytes]);
  await blobs.write(image.descriptor, [image.manifestBytes]);
  return image;
}

/** A finished build of one image or, for several platforms, of an index, with its blobs. */
export async function buildResult(
  specs: readonly ImageSpec[] = [{}],
  names: readonly string[] = ["r.example/app:1"],
): Promise<{ readonly result: BuildResult; readonly blobs: MemoryBlobs }> {
  const blobs = new MemoryBlobs();
  const images: Image[] = [];
  for (const spec of specs) images.push(await addImage(blobs, spec));
  const index = images.length > 1 ? assembleIndex({ images, mediaTypes: specs[0]?.mediaTypes ?? "oci" }) : undefined;
  if (index !== undefined) await blobs.write(index.descriptor, [index.bytes]);
  const result: BuildResult = {
    images,
    ...(index === undefined ? {} : { index }),
    names: names.map(parseReference),
    rootfs: (image) => (specs[images.indexOf(image)]?.layers ?? [HELLO]).flat().map(layerEntry),
  };
  return { result, blobs };
}
