/** The client against Docker's registry, and the in-process registry against skopeo: neither is tested only by itself. */
import { execFile } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { gzipSync } from "node:zlib";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { BlobReader } from "../../src/oci/blobs.js";
import { digestOf } from "../../src/oci/digest.js";
import { parseReference } from "../../src/oci/reference.js";
import type { Descriptor } from "../../src/oci/types.js";
import { createRegistryClient, type RegistryClient } from "../../src/registry/client.js";
import { dockerCredentials } from "../../src/registry/docker-config.js";
import { registryHosts } from "../../src/registry/hosts.js";
import { registrySource } from "../../src/registry/pull.js";
import { registryPusher } from "../../src/registry/push.js";
import { registryResolver } from "../../src/registry/resolver.js";
import { startRegistry } from "../../src/testing/registry/registry.js";
import { type DockerRegistry, startDockerRegistry } from "../support/docker-registry.js";
import { blobOf, bytesFor, collect, OCI_CONFIG, OCI_INDEX, OCI_LAYER, OCI_MANIFEST } from "../support/registry.js";
import { requireTool } from "../support/tools.js";

const run = promisify(execFile);
const AMD64 = { os: "linux", architecture: "amd64" };
const ready = requireTool("docker-registry", "skopeo", "htpasswd");

/** An OCI layout that skopeo can copy, with one layer of random-looking bytes, and what it consists of. */
interface Sample {
  readonly layout: string;
  readonly manifest: Buffer;
  readonly config: Buffer;
  readonly layer: Buffer;
  readonly blobs: BlobReader;
}

function writeSample(folder: string, layerBytes: number): Sample {
  const tar = bytesFor("e2e", layerBytes);
  // Compressed, because skopeo compresses what is not.
  const layer = gzipSync(tar, { level: 1 });
  const config = Buffer.from(
    JSON.stringify({ ...AMD64, config: {}, rootfs: { type: "layers", diff_ids: [digestOf(tar)] } }),
  );
  const manifest = Buffer.from(
    JSON.stringify({
      schemaVersion: 2,
      mediaType: OCI_MANIFEST,
      config: blobOf(config, OCI_CONFIG),
      layers: [blobOf(layer, OCI_LAYER)],
    }),
  );
  const layout = join(folder, "layout");
  mkdirSync(join(layout, "blobs", "sha256"), { recursive: true });
  const known = new Map<string, Buffer>();
  for (const bytes of [layer, config, manifest]) {
    known.set(digestOf(bytes), bytes);
    writeFileSync(join(layout, "blobs", "sha256", digestOf(bytes).slice(7)), bytes);
  }
  writeFileSync(join(layout, "oci-layout"), JSON.stringify({ imageLayoutVersion: "1.0.0" }));
  const entry = { ...blobOf(manifest, OCI_MANIFEST), annotations: { "org.opencontainers.image.ref.name": "1" } };
  writeFileSync(
    join(layout, "index.json"),
    JSON.stringify({ schemaVersion: 2, mediaType: OCI_INDEX, manifests: [entry] }),
  );
  const blobs: BlobReader = {
    has: async ({ digest }) => known.has(digest),
    async *open({ digest }: Descriptor) {
      const bytes = known.get(digest)!;
      for (let at = 0; at < bytes.length; at += 1 << 20) yield bytes.subarray(at, at + (1 << 20));
    },
  };
  return { layout, manifest, config, layer, blobs };
}

async function pushSample(client: RegistryClient, sample: Sample, reference: string): Promise<void> {
  const pusher = registryPusher(client);
  const target = parseReference(reference);
  await pusher.pushBlob(target, blobOf(sample.layer, OCI_LAYER), sample.blobs);
  await pusher.pushBlob(target, blobOf(sample.config, OCI_CONFIG), sample.blobs);
  await pusher.pushManifest(target, blobOf(sample.manifest, OCI_MANIFEST), sample.manifest);
}

describe.runIf(ready)("the client and docker-registry", () => {
  let folder = "";
  let sample: Sample;
  let registry: DockerRegistry;
  let client: RegistryClient;

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), "ocibuild-e2e-"));
    sample = writeSample(folder, 20_000_000);
    registry = await startDockerRegistry();
    client = createRegistryClient();
  });
  afterAll(async () => {
    await client?.close();
    await registry?.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  test("pulls what skopeo pushed, byte for byte", async () => {
    await run("skopeo", [
      "copy",
      "--dest-tls-verify=false",
      `oci:${sample.layout}:1`,
      `docker://${registry.host}/team/in:1`,
    ]);
    const image = await registryResolver(client).resolve(`${registry.host}/team/in:1`, AMD64);
    expect(image.manifestBytes.equals(sample.manifest)).toBe(true);
    const source = registrySource(client, parseReference(`${registry.host}/team/in:1`));
    expect((await collect(source.open(image.layers[0]!.descriptor))).equals(sample.layer)).toBe(true);
    expect(await source.resolveTag("1")).toBe(image.descriptor.digest);
  });

  test("pushes what skopeo inspects and copies back", async () => {
    await pushSample(client, sample, `${registry.host}/team/out:2`);
    const { stdout } = await run("skopeo", ["inspect", "--tls-verify=false", `docker://${registry.host}/team/out:2`]);
    const inspected = JSON.parse(stdout) as { Digest: string; Layers: string[] };
    expect(inspected).toMatchObject({ Digest: digestOf(sample.manifest), Layers: [digestOf(sample.layer)] });
    const back = join(folder, "back");
    await run("skopeo", ["copy", "--src-tls-verify=false", `docker://${registry.host}/team/out:2`, `oci:${back}:2`]);
    const file = join(back, "blobs", "sha256", digestOf(sample.layer).slice(7));
    expect(readFileSync(file).equals(sample.layer)).toBe(true);
  });

  test("mounts from another repository, and sends nothing twice", async () => {
    await pushSample(client, sample, `${registry.host}/team/one:1`);
    const pusher = registryPusher(client);
    const target = parseReference(`${registry.host}/team/two:1`);
    const layer = blobOf(sample.layer, OCI_LAYER);
    expect(await pusher.pushBlob(target, layer, sample.blobs, { mountFrom: "team/one" })).toBe("mounted");
    expect(await pusher.pushBlob(target, layer, sample.blobs, { mountFrom: "team/one" })).toBe("exists");
  });

  test("takes Docker Hub names from a mirror", async () => {
    await pushSample(client, sample, `${registry.host}/library/sample:latest`);
    await using mirrored = createRegistryClient({ hosts: registryHosts({ mirrors: [`docker.io=${registry.url}`] }) });
    const image = await registryResolver(mirrored).resolve("sample", AMD64);
    expect(image.descriptor.digest).toBe(digestOf(sample.manifest));
  });

  test("shows the registry's own words", async () => {
    const source = registrySource(client, parseReference(`${registry.host}/team/none:1`));
    await expect(source.fetchManifest("1")).rejects.toMatchObject({ code: "REGISTRY_NOT_FOUND" });
    const pusher = registryPusher(client);
    const alone = parseReference(`${registry.host}/team/alone:1`);
    await expect(
      pusher.pushManifest(alone, blobOf(sample.manifest, OCI_MANIFEST), sample.manifest),
    ).rejects.toMatchObject({
      code: "REGISTRY_REQUEST",
      details: { status: 400, registryCode: "MANIFEST_BLOB_UNKNOWN" },
    });
  });

  test("logs in with Docker's configuration where passwords are demanded", async () => {
    await using guarded = await startDockerRegistry({ users: { me: "pass:word" } });
    const configFile = join(guarded.folder, "config.json");
    const auth = Buffer.from("me:pass:word").toString("base64");
    writeFileSync(configFile, JSON.stringify({ auths: { [guarded.host]: { auth } } }));
    await using known = createRegistryClient({ credentials: dockerCredentials({ configFile }) });
    await pushSample(known, sample, `${guarded.host}/team/app:1`);
    const { stdout } = await run("skopeo", [
      "inspect",
      "--tls-verify=false",
      "--creds",
      "me:pass:word",
      `docker://${guarded.host}/team/app:1`,
    ]);
    expect(JSON.parse(stdout)).toMatchObject({ Digest: digestOf(sample.manifest) });
    const anonymous = registrySource(client, parseReference(`${guarded.host}/team/app:1`));
    await expect(anonymous.fetchManifest("1")).rejects.toMatchObject({ code: "REGISTRY_UNAUTHORIZED" });
  });
});

describe.runIf(ready)("the in-process registry and skopeo", () => {
  let folder = "";
  let sample: Sample;

  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), "ocibuild-e2e-"));
    sample = writeSample(folder, 3_000_000);
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  const users = { me: "secret" };
  test.each([
    ["open", { kind: "open" }],
    ["with basic authentication", { kind: "basic", users }],
    ["with bearer tokens", { kind: "bearer", users }],
  ] as const)("%s: takes and gives an image", async (_name, access) => {
    await using registry = await startRegistry({ access });
    const credentials = (side: string): string[] => (access.kind === "open" ? [] : [`--${side}creds`, "me:secret"]);
    await run("skopeo", [
      "copy",
      "--dest-tls-verify=false",
      ...credentials("dest-"),
      `oci:${sample.layout}:1`,
      `docker://${registry.host}/team/app:1`,
    ]);
    expect(registry.content.manifest("team/app", "1")?.bytes.equals(sample.manifest)).toBe(true);
    const { stdout } = await run("skopeo", [
      "inspect",
      "--tls-verify=false",
      ...credentials(""),
      `docker://${registry.host}/team/app:1`,
    ]);
    expect(JSON.parse(stdout)).toMatchObject({ Digest: digestOf(sample.manifest), RepoTags: ["1"] });
  });
});
