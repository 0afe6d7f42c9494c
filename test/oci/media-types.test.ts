import { describe, expect, it } from "vitest";
import {
  bareMediaType,
  isConfigMediaType,
  isIndexMediaType,
  isManifestMediaType,
  layerMediaType,
  MANIFEST_MEDIA_TYPES,
  MEDIA_TYPES,
  parseLayerMediaType,
} from "../../src/oci/media-types.js";

describe("layer media types", () => {
  it.each([
    ["application/vnd.oci.image.layer.v1.tar", "oci", "uncompressed", false],
    ["application/vnd.oci.image.layer.v1.tar+gzip", "oci", "gzip", false],
    ["application/vnd.oci.image.layer.v1.tar+zstd", "oci", "zstd", false],
    ["application/vnd.oci.image.layer.nondistributable.v1.tar+gzip", "oci", "gzip", true],
    ["application/vnd.docker.image.rootfs.diff.tar", "docker", "uncompressed", false],
    ["application/vnd.docker.image.rootfs.diff.tar.gzip", "docker", "gzip", false],
    ["application/vnd.docker.image.rootfs.diff.tar.zstd", "docker", "zstd", false],
    ["application/vnd.docker.image.rootfs.foreign.diff.tar.gzip", "docker", "gzip", true],
  ] as const)("reads and writes %s", (mediaType, family, compression, foreign) => {
    expect(parseLayerMediaType(mediaType)).toEqual({ family, compression, foreign });
    expect(layerMediaType({ family, compression, foreign })).toBe(mediaType);
  });

  it.each([
    "",
    "application/json",
    "application/vnd.oci.image.layer.v1.tar+xz",
    "constructor",
    "application/vnd.oci.image.layer.v1.tar+gzip ",
  ])("knows no layer type %j", (mediaType) => {
    expect(parseLayerMediaType(mediaType)).toBeUndefined();
  });
});

describe("document media types", () => {
  it("are of one kind each", () => {
    for (const types of Object.values(MEDIA_TYPES)) {
      const kinds = [types.index, types.manifest, types.config].map((type) => [
        isIndexMediaType(type),
        isManifestMediaType(type),
        isConfigMediaType(type),
      ]);
      expect(kinds).toEqual([
        [true, false, false],
        [false, true, false],
        [false, false, true],
      ]);
    }
    expect(MANIFEST_MEDIA_TYPES).toHaveLength(4);
  });

  it("are compared without the parameters of HTTP", () => {
    expect(bareMediaType('Application/JSON ; charset="utf-8"')).toBe("application/json");
  });
});
