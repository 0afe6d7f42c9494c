/** Deleting, referrers, and copies of whole images. */
import { afterEach, describe, expect, test } from "vitest";
import type { Digest } from "../../src/oci/digest.js";
import { parseReference } from "../../src/oci/reference.js";
import { copyImage } from "../../src/registry/copy.js";
import { deleteBlob, deleteManifest, deleteTag } from "../../src/registry/delete.js";
import { registryPusher } from "../../src/registry/push.js";
import { listReferrers } from "../../src/registry/referrers.js";
import { answerStatus, change, changeHeaders, loseReply } from "../../src/testing/registry/faults.js";
import { startRegistry, type TestRegistry, type TestRegistryOptions } from "../../src/testing/registry/registry.js";
import { blobOf, OCI_INDEX, OCI_MANIFEST, putImage, testClient } from "../support/registry.js";

const cleanups: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

async function setUp(options: TestRegistryOptions = {}): Promise<{
  readonly registry: TestRegistry;
  readonly client: ReturnType<typeof testClient>;
  readonly name: ReturnType<typeof parseReference>;
}> {
  const registry = await startRegistry(options);
  const client = testClient();
  cleanups.push(registry.close, client.close);
  return { registry, client, name: parseReference(`${registry.host}/team/app:1`) };
}

describe("deleting", () => {
  test("a manifest goes with its tags, a tag alone, a blob from its repository", async () => {
    const { registry, client, name } = await setUp();
    const { descriptor, layer } = putImage(registry.content, "team/app", "1");
    registry.content.putManifest("team/app", registry.content.manifest("team/app", "1")!.bytes, OCI_MANIFEST, "2");
    await deleteTag(client, name, "2");
    expect(registry.content.tags("team/app")).toEqual(["1"]);
    await deleteManifest(client, name, descriptor.digest);
    expect(registry.content.tags("team/app")).toEqual([]);
    await deleteBlob(client, name, blobOf(layer).digest);
    expect(registry.content.blob("team/app", blobOf(layer).digest)).toBeUndefined();
  });

  test("what is not there is REGISTRY_NOT_FOUND; what a lost reply has removed is not", async () => {
    const { registry, client, name } = await setUp();
    await expect(deleteTag(client, name, "1")).rejects.toMatchObject({ code: "REGISTRY_NOT_FOUND" });
    putImage(registry.content, "team/app", "1");
    registry.fail({ method: "DELETE", times: 1, action: loseReply });
    await deleteTag(client, name, "1");
    expect(registry.content.tags("team/app")).toEqual([]);
  });

  test("a registry that deletes no tags says so, with a hint", async () => {
    const { registry, client, name } = await setUp({ deletesTags: false });
    putImage(registry.content, "team/app", "1");
    await expect(deleteTag(client, name, "1")).rejects.toMatchObject({
      code: "REGISTRY_REQUEST",
      hint: expect.stringContaining("by its digest"),
    });
  });

  test("D2: R11: a digest and a tag are checked before they become a URL", async () => {
    const { registry, client, name } = await setUp();
    const bad = "sha256:../../x" as Digest;
    await expect(deleteManifest(client, name, bad)).rejects.toMatchObject({ code: "DIGEST_INVALID" });
    await expect(deleteBlob(client, name, bad)).rejects.toMatchObject({ code: "DIGEST_INVALID" });
    await expect(deleteTag(client, name, "../x")).rejects.toMatchObject({ code: "REFERENCE_INVALID" });
    expect(registry.requests).toEqual([]);
  });
});

function signature(subject: object, artifactType: string): Buffer {
  return Buffer.from(
    JSON.stringify({
      schemaVersion: 2,
      mediaType: OCI_MANIFEST,
      artifactType,
      config: blobOf(Buffer.from("{}"), "application/vnd.oci.empty.v1+json"),
      layers: [],
      subject,
      annotations: { by: artifactType },
    }),
  );
}

describe.each([true, false])("referrers (registry knows them: %s)", (referrers) => {
  test("are listed by subject and by type", async () => {
    const { registry, client, name } = await setUp({ referrers });
    const { descriptor } = putImage(registry.content, "team/app", "1");
    const { platform: _platform, ...subject } = descriptor;
    registry.content.putBlob("team/app", Buffer.from("{}"));
    const pusher = registryPusher(client);
    const { tag: _tag, ...untagged } = name;
    const manifests = ["application/x-sig", "application/x-sbom"].map((type) => signature(subject, type));
    for (const bytes of [...manifests, manifests[0]!]) {
      await pusher.pushManifest(untagged, blobOf(bytes, OCI_MANIFEST), bytes);
    }
    const found = await listReferrers(client, name, descriptor.digest);
    expect(found.map(({ digest }) => digest).sort()).toEqual(manifests.map((bytes) => blobOf(bytes).digest).sort());
    expect(await listReferrers(client, name, descriptor.digest, { artifactType: "application/x-sbom" })).toEqual([
      {
        ...blobOf(manifests[1]!, OCI_MANIFEST),
        artifactType: "application/x-sbom",
        annotations: { by: "application/x-sbom" },
      },
    ]);
    const fallbackTag = descriptor.digest.replace(":", "-");
    expect(registry.content.tags("team/app")?.includes(fallbackTag)).toBe(!referrers);
  });

  test("there are none of what nobody refers to", async () => {
    const { registry, client, name } = await setUp({ referrers });
    const { descriptor } = putImage(registry.content, "team/app", "1");
    expect(await listReferrers(client, name, descriptor.digest)).toEqual([]);
  });
});

test("R12: a page of HTML in the place of referrers means that there is no such API", async () => {
  const { registry, client, name } = await setUp();
  const { descriptor } = putImage(registry.content, "team/app", "1");
  const html = { status: 200, headers: { "content-type": "text/html" }, body: Buffer.from("<html>") };
  registry.fail({ path: "/referrers/", action: change(() => html) });
  expect(await listReferrers(client, name, descriptor.digest)).toEqual([]);
});

describe("copyImage", () => {
  test("copies an index with its images; R10: the tag comes last", async () => {
    const { registry, client, name } = await setUp();
    const other = await startRegistry();
    cleanups.push(other.close);
    const images = ["amd64", "arm64"].map((architecture) =>
      putImage(registry.content, "team/app", architecture, { os: "linux", architecture }),
    );
    const index = Buffer.from(
      JSON.stringify({ schemaVersion: 2, mediaType: OCI_INDEX, manifests: images.map(({ descriptor }) => descriptor) }),
    );
    registry.content.putManifest("team/app", index, OCI_INDEX, "1");
    const to = parseReference(`${other.host}/copy/app:2`);
    expect(await copyImage(client, name, to)).toEqual(blobOf(index, OCI_INDEX));
    expect(other.content.manifest("copy/app", "2")?.bytes.equals(index)).toBe(true);
    for (const { layer } of images)
      expect(other.content.blob("copy/app", blobOf(layer).digest)?.equals(layer)).toBe(true);
    expect(other.requests.at(-1)).toMatchObject({ method: "PUT", path: "/v2/copy/app/manifests/2" });
    // Again: nothing but the manifests is sent.
    other.forget();
    await copyImage(client, name, to);
    expect(other.requests.filter(({ method }) => method === "POST")).toEqual([]);
  });

  test("mounts inside of one registry, and takes referrers along when asked to", async () => {
    const { registry, client, name } = await setUp();
    const { descriptor } = putImage(registry.content, "team/app", "1");
    registry.content.putBlob("team/app", Buffer.from("{}"));
    const { platform: _platform, ...subject } = descriptor;
    const bytes = signature(subject, "application/x-sig");
    const signed = registry.content.putManifest("team/app", bytes, OCI_MANIFEST);
    const to = parseReference(`${registry.host}/release/app:1`);
    await copyImage(client, name, to, { referrers: true });
    expect(registry.content.manifest("release/app", "1")?.digest).toBe(descriptor.digest);
    expect(registry.content.manifest("release/app", signed)?.bytes.equals(bytes)).toBe(true);
    expect(registry.requests.some(({ method, path }) => method === "PUT" && path.includes("/uploads/"))).toBe(false);
  });

  test("D7: foreign layers are neither fetched nor sent, and keep their URLs", async () => {
    const { registry, client, name } = await setUp();
    const config = Buffer.from('{"architecture":"amd64","os":"windows","rootfs":{"type":"layers","diff_ids":[]}}');
    const foreign = {
      ...blobOf(Buffer.from("far away"), "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip"),
      urls: [`${registry.url}/canary`],
    };
    const docker = "application/vnd.docker.distribution.manifest.v2+json";
    const manifest = Buffer.from(
      JSON.stringify({
        schemaVersion: 2,
        mediaType: docker,
        config: blobOf(config, "application/vnd.docker.container.image.v1+json"),
        layers: [foreign],
      }),
    );
    registry.content.putBlob("team/app", config);
    registry.content.putManifest("team/app", manifest, docker, "1");
    await copyImage(client, name, parseReference(`${registry.host}/copy/app:1`));
    expect(registry.requests.filter(({ path }) => path.includes(foreign.digest) || path.includes("canary"))).toEqual(
      [],
    );
    expect(registry.content.manifest("copy/app", "1")?.bytes.equals(manifest)).toBe(true);
  });

  test("D1: a manifest that is another one than its digest says is not copied", async () => {
    const { registry, client, name } = await setUp();
    const { descriptor } = putImage(registry.content, "team/app", "1");
    const { tag: _tag, ...rest } = name;
    const from = { ...rest, digest: descriptor.digest };
    registry.fail({
      method: "GET",
      path: "/manifests/",
      action: change((reply) => ({ ...reply, body: Buffer.from("{}") })),
    });
    await expect(copyImage(client, from, parseReference(`${registry.host}/copy/app:1`))).rejects.toMatchObject({
      code: "BLOB_DIGEST_MISMATCH",
    });
    expect(registry.content.tags("copy/app")).toBeUndefined();
  });

  test("D5: indexes that nest too deep are refused", async () => {
    const { registry, client, name } = await setUp();
    let inner = putImage(registry.content, "team/app", "x").descriptor as object;
    for (let depth = 0; depth < 6; depth++) {
      const index = Buffer.from(JSON.stringify({ schemaVersion: 2, mediaType: OCI_INDEX, manifests: [inner] }));
      registry.content.putManifest("team/app", index, OCI_INDEX, "1");
      inner = blobOf(index, OCI_INDEX);
    }
    await expect(copyImage(client, name, parseReference(`${registry.host}/copy/app:1`))).rejects.toMatchObject({
      code: "LIMIT_EXCEEDED",
    });
  });
});

test("a registry that answers a PUT of a manifest without OCI-Subject is helped with the index of referrers", async () => {
  const { registry, client, name } = await setUp();
  const { descriptor } = putImage(registry.content, "team/app", "1");
  const { platform: _platform, ...subject } = descriptor;
  registry.content.putBlob("team/app", Buffer.from("{}"));
  registry.fail({ method: "PUT", action: changeHeaders({ "oci-subject": undefined }) });
  registry.fail({ path: "/referrers/", action: answerStatus(404) });
  const bytes = signature(subject, "application/x-sig");
  const { tag: _tag, ...untagged } = name;
  await registryPusher(client).pushManifest(untagged, blobOf(bytes, OCI_MANIFEST), bytes);
  expect(await listReferrers(client, name, descriptor.digest)).toHaveLength(1);
});
