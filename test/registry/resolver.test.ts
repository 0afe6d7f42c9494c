import { afterEach, describe, expect, test } from "vitest";
import { parseReference } from "../../src/oci/reference.js";
import { registryHosts } from "../../src/registry/hosts.js";
import { type DocumentCache, registryResolver } from "../../src/registry/resolver.js";
import { flipBit } from "../../src/testing/registry/faults.js";
import { startRegistry, type TestRegistry } from "../../src/testing/registry/registry.js";
import { blobOf, OCI_INDEX, OCI_MANIFEST, putImage, type TestImage, testClient } from "../support/registry.js";

const cleanups: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

const AMD64 = { os: "linux", architecture: "amd64" };
const ARM64 = { os: "linux", architecture: "arm64" };

interface Setup {
  readonly registry: TestRegistry;
  readonly client: ReturnType<typeof testClient>;
  /** Of the image's repository, without a tag. */
  readonly name: string;
}

async function setUp(): Promise<Setup> {
  const registry = await startRegistry();
  const client = testClient();
  cleanups.push(registry.close, client.close);
  return { registry, client, name: `${registry.host}/team/app` };
}

function putIndex(registry: TestRegistry, tag: string, images: readonly TestImage[], mediaType = OCI_INDEX): string {
  const index = { schemaVersion: 2, mediaType, manifests: images.map(({ descriptor }) => descriptor) };
  return registry.content.putManifest("team/app", Buffer.from(JSON.stringify(index)), mediaType, tag);
}

function memoryCache(): DocumentCache & { readonly known: Map<string, Buffer> } {
  const known = new Map<string, Buffer>();
  return {
    known,
    read: async (digest) => known.get(digest),
    write: async (document, bytes) => void known.set(document.digest, bytes),
  };
}

describe("registryResolver", () => {
  test("resolves an image with exact documents and layers in order", async () => {
    const { registry, client, name } = await setUp();
    const put = putImage(registry.content, "team/app", "1");
    const image = await registryResolver(client).resolve(`${name}:1`, AMD64);
    expect(image.descriptor).toEqual({ ...blobOf(put.manifest, OCI_MANIFEST), platform: AMD64 });
    expect(image.manifestBytes.equals(put.manifest)).toBe(true);
    expect(image.configBytes.equals(put.config)).toBe(true);
    expect(image.config.config?.Env).toEqual(["A=b"]);
    expect(image.layers.map(({ descriptor }) => descriptor.digest)).toEqual([blobOf(put.layer).digest]);
  });

  test("chooses the platform from an index, of OCI's or Docker's type, by tag and by digest", async () => {
    const { registry, client, name } = await setUp();
    const images = [
      putImage(registry.content, "team/app", "a", AMD64),
      putImage(registry.content, "team/app", "b", ARM64),
    ];
    const digest = putIndex(registry, "oci", images);
    putIndex(registry, "docker", images, "application/vnd.docker.distribution.manifest.list.v2+json");
    const resolver = registryResolver(client);
    for (const reference of [`${name}:oci`, `${name}:docker`, `${name}@${digest}`, `${name}:none@${digest}`]) {
      const image = await resolver.resolve(reference, ARM64);
      expect(image.descriptor.digest).toBe(images[1]!.descriptor.digest);
    }
    await expect(resolver.resolve(`${name}:oci`, { os: "linux", architecture: "s390x" })).rejects.toMatchObject({
      code: "PLATFORM_NOT_FOUND",
      details: { available: ["linux/amd64", "linux/arm64"] },
    });
  });

  test("with a cache, a tag that has not moved costs one HEAD and a digest nothing", async () => {
    const { registry, client, name } = await setUp();
    const put = putImage(registry.content, "team/app", "1");
    const documents = memoryCache();
    const resolver = registryResolver(client, { documents });
    const first = await resolver.resolve(`${name}:1`, AMD64);
    registry.forget();
    expect(await resolver.resolve(`${name}:1`, AMD64)).toEqual(first);
    expect(registry.requests.map(({ method, path }) => `${method} ${path}`)).toEqual(["HEAD /v2/team/app/manifests/1"]);
    registry.forget();
    expect((await resolver.resolve(`${name}@${put.descriptor.digest}`, AMD64)).descriptor).toEqual(first.descriptor);
    expect(registry.requests).toEqual([]);
  });

  test("with a cache, a tag that has moved is followed", async () => {
    const { registry, client, name } = await setUp();
    putImage(registry.content, "team/app", "1", AMD64);
    const resolver = registryResolver(client, { documents: memoryCache() });
    await resolver.resolve(`${name}:1`, AMD64);
    const moved = putImage(registry.content, "team/app", "1", ARM64);
    expect((await resolver.resolve(`${name}:1`, AMD64)).descriptor.digest).toBe(moved.descriptor.digest);
  });

  test("D1: a config whose bytes are others is refused and not kept", async () => {
    const { registry, client, name } = await setUp();
    putImage(registry.content, "team/app", "1");
    registry.fail({ path: "/blobs/", action: flipBit(5) });
    const documents = memoryCache();
    await expect(registryResolver(client, { documents }).resolve(`${name}:1`, AMD64)).rejects.toMatchObject({
      code: "BLOB_DIGEST_MISMATCH",
    });
    expect(documents.known.size).toBe(1);
  });

  test("a Docker Hub name comes from its mirror", async () => {
    const { registry } = await setUp();
    const put = putImage(registry.content, "library/busybox", "latest");
    const client = testClient({ hosts: registryHosts({ mirrors: [`docker.io=${registry.url}`] }) });
    cleanups.push(client.close);
    expect((await registryResolver(client).resolve("busybox", AMD64)).descriptor.digest).toBe(put.descriptor.digest);
    expect(parseReference("busybox").registry).toBe("docker.io");
  });

  test("a mirror's path stands before repository names, in scopes too", async () => {
    const registry = await startRegistry({ access: { kind: "bearer", users: {}, grant: (_user, scope) => scope } });
    const client = testClient({ hosts: registryHosts({ mirrors: [`docker.io=${registry.url}/hub`] }) });
    cleanups.push(registry.close, client.close);
    putImage(registry.content, "hub/library/busybox", "latest");
    await registryResolver(client).resolve("busybox", AMD64);
    const asked = registry.requests.find(({ server }) => server === "token")?.path ?? "";
    expect(new URL(asked, "http://t").searchParams.get("scope")).toBe("repository:hub/library/busybox:pull");
  });

  test.each([
    "",
    "a b",
    "r.example/UPPER",
    "r.example/../x",
    "r.example/a%2fb",
    "r.example/a:b:c",
    "r.example/a@sha256:1",
    "http://r.example/a",
  ])("R11: %j is refused before anything is sent", async (reference) => {
    const { client } = await setUp();
    await expect(registryResolver(client).resolve(reference, AMD64)).rejects.toMatchObject({
      code: "REFERENCE_INVALID",
    });
  });
});
