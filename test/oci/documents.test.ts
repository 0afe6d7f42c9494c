import { describe, expect, it } from "vitest";
import { isOcibuildError } from "../../src/errors.js";
import { digestOf } from "../../src/oci/digest.js";
import {
  type ExpectedDocument,
  embeddedData,
  parseImageConfig,
  parseIndex,
  parseManifest,
  parseManifestOrIndex,
} from "../../src/oci/documents.js";
import { MEDIA_TYPES } from "../../src/oci/media-types.js";
import type { Descriptor } from "../../src/oci/types.js";

const { oci, docker } = MEDIA_TYPES;
const LAYER_TYPE = "application/vnd.oci.image.layer.v1.tar+gzip";

type Json = Record<string, unknown>;
const descriptor = (mediaType: string, extra: Json = {}): Json => ({
  mediaType,
  digest: digestOf(mediaType),
  size: 3,
  ...extra,
});
const manifest = (extra: Json = {}): Json => ({
  schemaVersion: 2,
  mediaType: oci.manifest,
  config: descriptor(oci.config),
  layers: [descriptor(LAYER_TYPE)],
  ...extra,
});
const index = (extra: Json = {}): Json => ({
  schemaVersion: 2,
  mediaType: oci.index,
  manifests: [descriptor(oci.manifest)],
  ...extra,
});
const bytesOf = (value: unknown): Buffer => Buffer.from(typeof value === "string" ? value : JSON.stringify(value));
const expected = (extra: Partial<ExpectedDocument> = {}): ExpectedDocument => ({ name: "the document", ...extra });

async function errorOf(promise: Promise<unknown>): Promise<unknown> {
  return promise.then(
    () => undefined,
    (error: unknown) => error,
  );
}

/** Documents that some reader could take for something else than another reader does. */
function confusedDocuments(): [string, unknown, Partial<ExpectedDocument>][] {
  const types = {
    ...Object.fromEntries(Object.entries(oci)),
    dockerIndex: docker.index,
    dockerManifest: docker.manifest,
  };
  const cases: [string, unknown, Partial<ExpectedDocument>][] = [];
  // Every disagreement of descriptor, Content-Type and document about the type.
  for (const [name, body] of [
    ["manifest", manifest()],
    ["index", index()],
  ] as const) {
    for (const [other, mediaType] of Object.entries(types)) {
      if (mediaType === body["mediaType"]) continue;
      cases.push([`${name} whose descriptor says ${other}`, body, { mediaType }]);
      cases.push([`${name} whose Content-Type says ${other}`, body, { contentType: mediaType }]);
      const silent = { ...body, mediaType: undefined };
      cases.push([
        `silent ${name}, descriptor and Content-Type differ (${other})`,
        silent,
        { mediaType: body["mediaType"] as string, contentType: mediaType },
      ]);
      const fitsShape = name === "manifest" ? mediaType === docker.manifest : mediaType === docker.index;
      if (!fitsShape) cases.push([`${name} that calls itself ${other}`, { ...body, mediaType }, {}]);
      if (!fitsShape) cases.push([`silent ${name} whose descriptor says ${other}`, silent, { mediaType }]);
    }
  }
  // Two kinds at once, under the right name and under none.
  for (const mediaType of [oci.manifest, oci.index, undefined]) {
    for (const extra of [{ manifests: [] }, { manifests: null }, { fsLayers: [] }]) {
      cases.push([`manifest with ${Object.keys(extra)} as ${mediaType}`, manifest({ ...extra, mediaType }), {}]);
    }
    for (const extra of [{ layers: [] }, { layers: null }, { config: descriptor(oci.config) }, { fsLayers: [] }]) {
      cases.push([`index with ${Object.keys(extra)} as ${mediaType}`, index({ ...extra, mediaType }), {}]);
    }
  }
  // Keys that a reader in Go would take for known ones.
  for (const key of [
    "Layers",
    "LAYERS",
    "layer\u017f",
    "Config",
    "Manifests",
    "mediatype",
    "MediaType",
    "schemaversion",
    "fslayers",
  ]) {
    cases.push([`manifest with the key ${key}`, manifest({ [key]: manifest()["layers"] }), {}]);
    cases.push([`index with the key ${key}`, index({ [key]: index()["manifests"] }), {}]);
  }
  for (const key of ["Digest", "DIGEST", "Size", "\u017fize", "MediaType", "Data", "Platform"]) {
    cases.push([`layer with the key ${key}`, manifest({ layers: [descriptor(LAYER_TYPE, { [key]: "x" })] }), {}]);
    cases.push([`child with the key ${key}`, index({ manifests: [descriptor(oci.manifest, { [key]: "x" })] }), {}]);
  }
  // The same key twice.
  const text = JSON.stringify(manifest());
  for (const key of ["layers", "config", "mediaType", "schemaVersion"]) {
    cases.push([`manifest with ${key} twice`, text.replace("{", `{"${key}":${JSON.stringify(manifest()[key])},`), {}]);
  }
  cases.push(["digest twice", text.replace('"digest":', `"digest":"${digestOf("x")}","digest":`), {}]);
  // Old kinds and other values.
  cases.push(["schema 1", { schemaVersion: 1, name: "a", tag: "b", fsLayers: [], history: [] }, {}]);
  cases.push(["schema 1 by type", manifest(), { contentType: "application/vnd.docker.distribution.manifest.v1+json" }]);
  cases.push(["schema 3", manifest({ schemaVersion: 3 }), {}]);
  cases.push(["schema as text", manifest({ schemaVersion: "2" }), {}]);
  cases.push(["a media type that is no text", manifest({ mediaType: [oci.manifest] }), {}]);
  cases.push(["an array", [manifest()], {}]);
  cases.push(["null", "null", {}]);
  cases.push([
    "a config by that name",
    { architecture: "amd64", os: "linux", rootfs: { type: "layers", diff_ids: [] } },
    { mediaType: oci.manifest },
  ]);
  return cases;
}

describe("D3: confused documents", () => {
  const cases = confusedDocuments();

  it("are at least 60", () => {
    expect(cases.length).toBeGreaterThanOrEqual(60);
  });

  it.each(cases)("refuses %s", async (_, body, extra) => {
    const error = await errorOf(parseManifestOrIndex(bytesOf(body), expected(extra)));
    expect(isOcibuildError(error, "DOCUMENT_INVALID")).toBe(true);
    expect((error as Error).message).toMatch(/^the document is not valid/);
    const trusted = await errorOf(parseManifestOrIndex(bytesOf(body), expected({ ...extra, validated: true })));
    // Documents of our own store are not checked for shape again, but never read as another kind.
    expect(trusted === undefined || isOcibuildError(trusted, "DOCUMENT_INVALID")).toBe(true);
  });

  it("are told apart from documents that all agree about", async () => {
    for (const contentType of [oci.manifest, `${oci.manifest}; charset=utf-8`, oci.manifest.toUpperCase()]) {
      const document = await parseManifestOrIndex(
        bytesOf(manifest()),
        expected({ mediaType: oci.manifest, contentType }),
      );
      expect(document).toMatchObject({ kind: "manifest", mediaType: oci.manifest });
    }
    expect(await parseManifestOrIndex(bytesOf(index()), expected({ mediaType: oci.index }))).toMatchObject({
      kind: "index",
    });
  });

  it("go by descriptor or shape where the document does not name its type", async () => {
    const silent = (body: Json): Buffer => bytesOf({ ...body, mediaType: undefined });
    expect(await parseManifestOrIndex(silent(manifest()), expected())).toMatchObject({
      kind: "manifest",
      mediaType: oci.manifest,
    });
    expect(await parseManifestOrIndex(silent(index()), expected())).toMatchObject({
      kind: "index",
      mediaType: oci.index,
    });
    expect(await parseManifestOrIndex(silent(manifest()), expected({ mediaType: docker.manifest }))).toMatchObject({
      mediaType: docker.manifest,
    });
  });

  it("parseManifest refuses an index and parseIndex a manifest", async () => {
    expect(await errorOf(parseManifest(bytesOf(index()), expected()))).toMatchObject({
      message: expect.stringContaining("got an index"),
    });
    expect(await errorOf(parseIndex(bytesOf(manifest()), expected()))).toMatchObject({
      message: expect.stringContaining("got a manifest"),
    });
  });
});

describe("D2: digests in documents", () => {
  it.each([
    "sha256:../../etc/passwd",
    `sha256:${"A".repeat(64)}`,
    `sha256:${"0".repeat(63)}`,
    `sha256:${"0".repeat(65)}`,
    `sha256:${"0".repeat(64)}\n`,
    `sha256:${"0".repeat(10_240)}`,
    `sha1:${"0".repeat(40)}`,
    `md5:${"0".repeat(32)}`,
    `SHA256:${"0".repeat(64)}`,
    `sha256-${"0".repeat(64)}`,
    `sha256:${"0".repeat(63)}\0`,
    "",
    ":",
    "0".repeat(64),
  ])("refuses digest %j wherever it stands", async (digest) => {
    for (const body of [
      manifest({ config: descriptor(oci.config, { digest }) }),
      manifest({ layers: [descriptor(LAYER_TYPE, { digest })] }),
      manifest({ subject: descriptor(oci.manifest, { digest }) }),
      index({ manifests: [descriptor(oci.manifest, { digest })] }),
    ]) {
      expect(await errorOf(parseManifestOrIndex(bytesOf(body), expected()))).toMatchObject({
        code: "DOCUMENT_INVALID",
        message: expect.stringContaining("64 lower-case hex digits"),
      });
    }
  });
});

describe("D4: values that documents must not have", () => {
  it.each([
    ["a negative size", { size: -1 }],
    ["a size over 2^53", "9007199254740993"],
    ["a fractional size", { size: 1.5 }],
    ["a size as text", { size: "3" }],
    ["no size", { size: undefined }],
    ["a media type that is no type", { mediaType: "gzip" }],
    ["a media type with a line break", { mediaType: "a/b\nc" }],
    ["annotations that are no texts", { annotations: { a: 1 } }],
    ["annotations as an array", { annotations: ["a"] }],
    ["urls as a text", { urls: "http://x" }],
    ["a platform without os", { platform: { architecture: "amd64" } }],
    ["a platform as text", { platform: "linux/amd64" }],
  ])("refuses a layer with %s", async (_, extra) => {
    const body =
      typeof extra === "string"
        ? JSON.stringify(manifest()).replace('"size":3}]', `"size":${extra}}]`)
        : manifest({ layers: [descriptor(LAYER_TYPE, extra)] });
    expect(await errorOf(parseManifest(bytesOf(body), expected()))).toMatchObject({ code: "DOCUMENT_INVALID" });
  });

  it("says what and where", async () => {
    const body = manifest({ layers: [descriptor(LAYER_TYPE), descriptor(LAYER_TYPE, { size: -1 })] });
    expect(await errorOf(parseManifest(bytesOf(body), expected()))).toMatchObject({
      message: "the document is not valid: expected a number that is not negative but got -1 (layers[1].size)",
    });
  });

  it("keeps what it does not know, and __proto__ as a property", async () => {
    const text = JSON.stringify(manifest({ extra: { a: 1 } })).replace("{", '{"__proto__":{"polluted":1},');
    const parsed = (await parseManifest(bytesOf(text), expected())) as unknown as Json;
    expect(parsed["extra"]).toEqual({ a: 1 });
    expect(Object.hasOwn(parsed, "__proto__")).toBe(true);
    expect((parsed as { polluted?: unknown }).polluted).toBeUndefined();
  });

  it("reads null as absent, as Go does", async () => {
    const parsed = await parseManifest(
      bytesOf(manifest({ layers: null, annotations: null, subject: null })),
      expected(),
    );
    expect(parsed.layers).toEqual([]);
    expect("annotations" in parsed || "subject" in parsed).toBe(false);
    expect((await parseIndex(bytesOf(index({ manifests: null })), expected())).manifests).toEqual([]);
  });
});

describe("D5: counts", () => {
  it("refuses an index of more than 1,000 and a manifest of more than 1,000", async () => {
    const many = (mediaType: string, count: number): Json[] =>
      Array.from({ length: count }, () => descriptor(mediaType));
    expect(
      (await parseIndex(bytesOf(index({ manifests: many(oci.manifest, 1000) })), expected())).manifests,
    ).toHaveLength(1000);
    expect(
      await errorOf(parseIndex(bytesOf(index({ manifests: many(oci.manifest, 1001) })), expected())),
    ).toMatchObject({
      message: expect.stringContaining("at most 1000 manifests but got 1001"),
    });
    expect(
      await errorOf(parseManifest(bytesOf(manifest({ layers: many(LAYER_TYPE, 1001) })), expected())),
    ).toMatchObject({
      message: expect.stringContaining("at most 1000 layers but got 1001"),
    });
  });
});

describe("D6: lies of configs and descriptors", () => {
  const config = (extra: Json = {}): Json => ({
    architecture: "amd64",
    os: "linux",
    config: {},
    rootfs: { type: "layers", diff_ids: [digestOf("a"), digestOf("b")] },
    ...extra,
  });
  const parse = (body: unknown, layerCount = 2): Promise<unknown> =>
    parseImageConfig(bytesOf(body), { name: "the config", layerCount });

  it("reads an honest config", async () => {
    expect(await parse(config())).toMatchObject({ os: "linux", rootfs: { diff_ids: [digestOf("a"), digestOf("b")] } });
  });

  it.each([
    ["too few diff_ids", config({ rootfs: { type: "layers", diff_ids: [digestOf("a")] } })],
    [
      "too many diff_ids",
      config({ rootfs: { type: "layers", diff_ids: [digestOf("a"), digestOf("b"), digestOf("c")] } }),
    ],
    ["no diff_ids", config({ rootfs: { type: "layers", diff_ids: null } })],
    ["no rootfs", config({ rootfs: undefined })],
    ["another rootfs", config({ rootfs: { type: "layers+base", diff_ids: [] } })],
    ["a diff_id that is none", config({ rootfs: { type: "layers", diff_ids: [digestOf("a"), "sha256:x"] } })],
    ["no os", config({ os: undefined })],
    ["an empty os", config({ os: "" })],
    ["no architecture", config({ architecture: "" })],
    ["Env as an object", config({ config: { Env: { A: "b" } } })],
    ["Env of numbers", config({ config: { Env: [1] } })],
    ["Cmd as text", config({ config: { Cmd: "a b" } })],
    ["User as a number", config({ config: { User: 0 } })],
    ["Labels of numbers", config({ config: { Labels: { a: 1 } } })],
    ["Volumes as an array", config({ config: { Volumes: ["/a"] } })],
    ["a health check of texts", config({ config: { Healthcheck: { Interval: "30s" } } })],
    ["history as an object", config({ history: {} })],
    ["history of texts", config({ history: ["a"] })],
    ["an array", [config()]],
    ["rootfs twice in Go's eyes", config({ RootFS: { type: "layers", diff_ids: [digestOf("x"), digestOf("y")] } })],
  ])("refuses a config with %s", async (_, body) => {
    expect(isOcibuildError(await errorOf(parse(body)), "DOCUMENT_INVALID")).toBe(true);
  });

  it("turns the nulls that Go writes into absence", async () => {
    const parsed = await parse(
      config({
        created: null,
        config: {
          Env: null,
          Cmd: null,
          Entrypoint: null,
          Volumes: { "/a": null },
          Labels: null,
          OnBuild: null,
          Healthcheck: { Test: null },
        },
        history: [{ created_by: "x", author: null }],
      }),
    );
    expect(parsed).toMatchObject({
      config: { Volumes: { "/a": {} }, Healthcheck: {} },
      history: [{ created_by: "x" }],
    });
    expect(JSON.stringify(parsed)).not.toContain("null");
  });

  it("takes embedded data only when it is the content", async () => {
    const content = Buffer.from("{}");
    const honest = { mediaType: oci.config, digest: digestOf(content), size: 2, data: "e30=" } as Descriptor;
    expect(embeddedData(honest, "x")).toEqual(content);
    expect(embeddedData({ ...honest, data: undefined } as unknown as Descriptor, "x")).toBeUndefined();
    for (const lie of [
      { data: "e31=" },
      { size: 3 },
      { digest: digestOf("x") },
      { data: "e30" },
      { data: "e30=\n" },
      { data: "" },
    ]) {
      const layers = [{ ...honest, ...lie, mediaType: LAYER_TYPE }];
      expect(await errorOf(parseManifest(bytesOf(manifest({ layers })), expected()))).toMatchObject({
        code: "DOCUMENT_INVALID",
        message: expect.stringContaining('"data"'),
      });
    }
  });
});
