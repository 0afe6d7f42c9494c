import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { MemoryBlobs } from "../../src/cache/memory-blobs.js";
import { assembleImage, assembleIndex, type ImageParts } from "../../src/oci/assemble-image.js";
import { type DiffId, digestOf } from "../../src/oci/digest.js";
import { parseImageConfig, parseIndex, parseManifest } from "../../src/oci/documents.js";
import type { Image, ImageConfig, Layer } from "../../src/oci/types.js";
import { validateImage } from "../../src/testing/validate-image.js";
import { addImage, addLayer, HELLO, tarOf } from "../support/images.js";

const layer = (name: string, mediaType = "application/vnd.oci.image.layer.v1.tar+gzip"): Layer => ({
  diffId: digestOf(`diff ${name}`) as string as DiffId,
  descriptor: { mediaType, digest: digestOf(name), size: name.length },
});
const parts = (extra: Partial<ImageParts> = {}): ImageParts => ({
  config: { os: "linux", architecture: "amd64", config: {} },
  layers: [layer("a")],
  history: [{ created_by: "COPY a /" }],
  created: "2023-11-14T22:13:20Z",
  mediaTypes: "oci",
  ...extra,
});
/** `image` with other things in its config, as if somebody else had built it. */
const withConfig = (image: Image, config: object): Image => ({
  ...image,
  config: { ...image.config, ...config } as ImageConfig,
});

describe("assembleImage", () => {
  it("writes the bytes that BuildKit would: keys in its order, empty values left out", () => {
    const image = assembleImage(
      parts({
        config: {
          architecture: "arm",
          variant: "v7",
          os: "linux",
          author: "me",
          config: {
            Labels: { b: "2", a: "1" },
            WorkingDir: "/app",
            Entrypoint: null,
            Cmd: ["a & b", "<c>"],
            Env: ["PATH=/bin"],
            ExposedPorts: { "90/tcp": {}, "80/tcp": {} },
            Volumes: {},
            User: "",
            Healthcheck: { Retries: 0, Test: ["CMD", "x"] },
            ArgsEscaped: true,
          },
        },
        history: [
          { created_by: "COPY a /", empty_layer: false },
          { empty_layer: true, created_by: "CMD x", created: "2023-01-01T00:00:00Z" },
        ],
      }),
    );
    expect(image.configBytes.toString()).toBe(
      '{"architecture":"arm","author":"me",' +
        '"config":{"ExposedPorts":{"80/tcp":{},"90/tcp":{}},"Env":["PATH=/bin"],"Cmd":["a & b","<c>"],"WorkingDir":"/app",' +
        '"Labels":{"a":"1","b":"2"},"ArgsEscaped":true,"Healthcheck":{"Test":["CMD","x"]}},' +
        '"created":"2023-11-14T22:13:20Z",' +
        '"history":[{"created_by":"COPY a /"},{"created":"2023-01-01T00:00:00Z","created_by":"CMD x","empty_layer":true}],' +
        `"os":"linux","rootfs":{"type":"layers","diff_ids":["${digestOf("diff a")}"]},"variant":"v7"}`,
    );
    expect(image.manifestBytes.toString()).toBe(`{
  "schemaVersion": 2,
  "mediaType": "application/vnd.oci.image.manifest.v1+json",
  "config": {
    "mediaType": "application/vnd.oci.image.config.v1+json",
    "digest": "${digestOf(image.configBytes)}",
    "size": ${image.configBytes.length}
  },
  "layers": [
    {
      "mediaType": "application/vnd.oci.image.layer.v1.tar+gzip",
      "digest": "${digestOf("a")}",
      "size": 1
    }
  ]
}`);
    expect(image.descriptor).toEqual({
      mediaType: "application/vnd.oci.image.manifest.v1+json",
      digest: digestOf(image.manifestBytes),
      size: image.manifestBytes.length,
      platform: { os: "linux", architecture: "arm", variant: "v7" },
    });
  });

  it("gives the same bytes whatever the order in which properties were set", () => {
    const labels = fc.dictionary(fc.string({ maxLength: 5 }), fc.string({ maxLength: 5 }), { maxKeys: 8 });
    fc.assert(
      fc.property(labels, (Labels) => {
        const reversed = Object.fromEntries(Object.entries(Labels).reverse());
        const one = assembleImage(
          parts({ config: { os: "linux", architecture: "amd64", config: { Labels, User: "a" } } }),
        );
        const other = assembleImage(
          parts({ config: { config: { User: "a", Labels: reversed }, architecture: "amd64", os: "linux" } }),
        );
        expect(other.descriptor.digest).toBe(one.descriptor.digest);
      }),
    );
  });

  it("C4: keeps labels named like properties of every object", async () => {
    const Labels = JSON.parse('{"__proto__":"a","constructor":"b","toString":"c","10":"d","9":"e"}') as Record<
      string,
      string
    >;
    const image = assembleImage(parts({ config: { os: "linux", architecture: "amd64", config: { Labels } } }));
    const parsed = await parseImageConfig(image.configBytes, { name: "x", layerCount: 1 });
    expect(Object.entries(parsed.config?.Labels ?? {}).sort()).toEqual(Object.entries(Labels).sort());
  });

  it("writes only what its own strict reader takes, also for half a surrogate pair", async () => {
    const image = assembleImage(
      parts({ config: { os: "linux", architecture: "amd64", config: { Labels: { "a\ud800": "\udc00b" } } } }),
    );
    const parsed = await parseImageConfig(image.configBytes, { name: "x", layerCount: 1 });
    expect(parsed.config?.Labels).toEqual({ "a\ufffd": "\ufffdb" });
  });

  it("says Docker's media types throughout when asked to, without annotations", () => {
    const image = assembleImage(
      parts({
        mediaTypes: "docker",
        annotations: { a: "b" },
        layers: [layer("a"), layer("b", "application/vnd.oci.image.layer.v1.tar")],
        history: [{}, {}],
      }),
    );
    expect(image.manifest).toMatchObject({
      mediaType: "application/vnd.docker.distribution.manifest.v2+json",
      config: { mediaType: "application/vnd.docker.container.image.v1+json" },
      layers: [
        { mediaType: "application/vnd.docker.image.rootfs.diff.tar.gzip" },
        { mediaType: "application/vnd.docker.image.rootfs.diff.tar" },
      ],
    });
    expect(image.manifest.annotations).toBeUndefined();
    expect(assembleImage(parts({ annotations: { a: "b" } })).manifest.annotations).toEqual({ a: "b" });
  });

  it("turns a Docker base into OCI layers", () => {
    const image = assembleImage(parts({ layers: [layer("a", "application/vnd.docker.image.rootfs.diff.tar.gzip")] }));
    expect(image.layers[0]?.descriptor.mediaType).toBe("application/vnd.oci.image.layer.v1.tar+gzip");
  });

  it("refuses layers and history that do not belong together, and layers of unknown kinds", () => {
    const codeOf = (extra: Partial<ImageParts>): unknown => {
      try {
        assembleImage(parts(extra));
      } catch (error) {
        return (error as { code?: unknown }).code;
      }
      return undefined;
    };
    expect(codeOf({ history: [] })).toBe("LAYER_INVALID");
    expect(codeOf({ history: [{}, {}] })).toBe("LAYER_INVALID");
    expect(codeOf({ layers: [layer("a", "text/plain")] })).toBe("COMPRESSION_UNSUPPORTED");
  });

  describe("on a base", () => {
    const build = async (change: (base: Image) => Image): Promise<Image> => {
      const blobs = new MemoryBlobs();
      const base = change(await addImage(blobs, { layers: [HELLO, HELLO] }));
      const added = await addLayer(blobs, tarOf([{ path: "new", content: "x" }]));
      const image = assembleImage(
        parts({ base, layers: [...base.layers, added], history: [{ created_by: "COPY new /" }] }),
      );
      await blobs.write(image.manifest.config, [image.configBytes]);
      await blobs.write(image.descriptor, [image.manifestBytes]);
      await validateImage(blobs, image.descriptor);
      return image;
    };

    it("continues the base's history", async () => {
      const image = await build((base) => base);
      expect(image.config.history?.map((entry) => entry.created_by)).toEqual(["COPY 0 /", "COPY 1 /", "COPY new /"]);
    });

    it("D6: fills in history that the base lacks", async () => {
      const image = await build((base) => withConfig(base, { history: undefined, created: "2020-01-01T00:00:00Z" }));
      expect(image.config.history?.map(({ created, comment, created_by }) => created_by ?? [created, comment])).toEqual(
        [
          ["2020-01-01T00:00:00Z", "layer of the base image"],
          ["2020-01-01T00:00:00Z", "layer of the base image"],
          "COPY new /",
        ],
      );
    });

    it("D6: takes surplus history of the base for empty layers", async () => {
      const history = ["a", "b", "c", "d"].map((created_by) => ({ created_by }));
      const image = await build((base) => withConfig(base, { history }));
      expect(image.config.history?.map((entry) => entry.empty_layer === true)).toEqual([
        false,
        false,
        true,
        true,
        false,
      ]);
    });

    it("keeps properties that nobody knows, not those that tell how the base was built", async () => {
      const image = await build((base) =>
        withConfig(base, {
          "org.example": { a: [1, null] },
          container: "x",
          container_config: {},
          docker_version: "1",
          id: "y",
        }),
      );
      expect(image.config).toMatchObject({ "org.example": { a: [1, null] } });
      for (const stale of ["container", "container_config", "docker_version", "id"])
        expect(image.config).not.toHaveProperty(stale);
    });
  });
});

describe("assembleIndex", () => {
  it("lists the images in their order, readable by the strict reader", async () => {
    const images = ["amd64", "arm64"].map((architecture) =>
      assembleImage(parts({ config: { os: "linux", architecture, config: {} } })),
    );
    const { descriptor, index, bytes } = assembleIndex({ images, mediaTypes: "oci", annotations: { a: "b" } });
    expect(descriptor).toEqual({
      mediaType: "application/vnd.oci.image.index.v1+json",
      digest: digestOf(bytes),
      size: bytes.length,
    });
    expect(await parseIndex(bytes, { name: "x", mediaType: descriptor.mediaType })).toEqual(index);
    expect(index.manifests.map((entry) => entry.platform?.architecture)).toEqual(["amd64", "arm64"]);
    expect(await parseManifest(images[0]!.manifestBytes, { name: "x" })).toEqual(images[0]!.manifest);
  });
});
