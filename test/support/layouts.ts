/** OCI layouts with layers that no builder would make. */
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { assembleImage } from "../../src/oci/assemble-image.js";
import { type DiffId, digestOf } from "../../src/oci/digest.js";
import { parsePlatform } from "../../src/oci/platform.js";
import type { ExecutionConfig, Layer } from "../../src/oci/types.js";
import { tempFolder } from "./temp-folder.js";

export interface LayoutSpec {
  /** Uncompressed tars, base layer first. */
  readonly tars: readonly Buffer[];
  /** In place of the right ones. */
  readonly diffIds?: readonly string[];
  readonly config?: ExecutionConfig;
}

/** Writes the layout of one image; returns its folder. */
export function writeLayout({ tars, diffIds, config = {} }: LayoutSpec): string {
  const folder = join(tempFolder(), "layout");
  const blobs = join(folder, "blobs", "sha256");
  mkdirSync(blobs, { recursive: true });
  const put = (bytes: Buffer): void => writeFileSync(join(blobs, digestOf(bytes).slice(7)), bytes);
  const layers = tars.map((tar, at): Layer => {
    const bytes = gzipSync(tar, { level: 1 });
    put(bytes);
    const mediaType = "application/vnd.oci.image.layer.v1.tar+gzip";
    const diffId = (diffIds?.[at] ?? digestOf(tar)) as DiffId;
    return { diffId, descriptor: { mediaType, digest: digestOf(bytes), size: bytes.length } };
  });
  const history = layers.map((_, at) => ({ created_by: `layer ${at}` }));
  const image = assembleImage({
    config: { ...parsePlatform("linux/amd64"), config },
    layers,
    history,
    mediaTypes: "oci",
  });
  put(image.configBytes);
  put(image.manifestBytes);
  writeFileSync(join(folder, "oci-layout"), '{"imageLayoutVersion":"1.0.0"}');
  const mediaType = "application/vnd.oci.image.index.v1+json";
  writeFileSync(
    join(folder, "index.json"),
    JSON.stringify({ schemaVersion: 2, mediaType, manifests: [image.descriptor] }),
  );
  return folder;
}
