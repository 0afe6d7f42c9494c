/**
 * The registry client beside docker-registry with passwords, TLS and tokens; files with credentials beside skopeo's and
 * docker's; and the in-process registry as a server for skopeo, podman and docker.
 */
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { build, memory } from "../../src/index.js";
import { digestOf } from "../../src/oci/digest.js";
import { parseReference } from "../../src/oci/reference.js";
import type { Descriptor } from "../../src/oci/types.js";
import { hostCertificates } from "../../src/registry/certificates.js";
import { createRegistryClient, type RegistryClient, type RegistryClientOptions } from "../../src/registry/client.js";
import { copyImage } from "../../src/registry/copy.js";
import { credentialFile } from "../../src/registry/credential-file.js";
import { deleteManifest, deleteTag } from "../../src/registry/delete.js";
import { dockerCredentials } from "../../src/registry/docker-config.js";
import { environmentCredentials } from "../../src/registry/environment.js";
import { listRepositories, listTags } from "../../src/registry/lists.js";
import { login, logout } from "../../src/registry/login.js";
import { registrySource } from "../../src/registry/pull.js";
import { registryPusher } from "../../src/registry/push.js";
import { listReferrers } from "../../src/registry/referrers.js";
import { RegistryContent } from "../../src/testing/registry/content.js";
import { startRegistry, type TestRegistryOptions } from "../../src/testing/registry/registry.js";
import { selfSignedCertificate } from "../support/certificate.js";
import { startCuttingProxy } from "../support/cutting-proxy.js";
import { startDockerRegistry } from "../support/docker-registry.js";
import { type Dockerd, startDockerd } from "../support/dockerd.js";
import { makePodman } from "../support/podman.js";
import { runProgram } from "../support/program.js";
import { blobOf, bytesFor, collect, OCI_CONFIG, OCI_LAYER, OCI_MANIFEST, readerOf } from "../support/registry.js";
import { startTokenServer } from "../support/token-server.js";
import { requireTool } from "../support/tools.js";

let folder = "";
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "ocibuild-peers-"));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const clients: RegistryClient[] = [];
afterEach(async () => {
  for (const client of clients.splice(0)) await client.close();
});

function clientWith(options: RegistryClientOptions = {}): RegistryClient {
  const client = createRegistryClient(options);
  clients.push(client);
  return client;
}

function newFolder(): string {
  return mkdtempSync(join(folder, "x-"));
}

const USERS = { me: "pass:word" };
const ME = { kind: "basic", username: "me", password: "pass:word" } as const;
const LAYER = bytesFor("peers", 30_000_000);
const CONFIG = Buffer.from(
  JSON.stringify({
    os: "linux",
    architecture: "amd64",
    config: {},
    rootfs: { type: "layers", diff_ids: [digestOf(LAYER)] },
  }),
);
const MANIFEST = Buffer.from(
  JSON.stringify({
    schemaVersion: 2,
    mediaType: OCI_MANIFEST,
    config: blobOf(CONFIG, OCI_CONFIG),
    layers: [blobOf(LAYER, OCI_LAYER.replace("+gzip", ""))],
  }),
);

async function push(client: RegistryClient, reference: string): Promise<Descriptor> {
  const target = parseReference(reference);
  const pusher = registryPusher(client);
  for (const bytes of [LAYER, CONFIG]) await pusher.pushBlob(target, blobOf(bytes), readerOf(bytes, 1 << 20));
  await pusher.pushManifest(target, blobOf(MANIFEST, OCI_MANIFEST), MANIFEST);
  return blobOf(MANIFEST, OCI_MANIFEST);
}

async function listOf(names: AsyncIterable<string>): Promise<string[]> {
  const list: string[] = [];
  for await (const name of names) list.push(name);
  return list;
}

describe.runIf(requireTool("docker-registry", "skopeo", "htpasswd"))("docker-registry", () => {
  test("what login writes lets skopeo in, what skopeo writes lets us in, and logout ends it", async () => {
    await using registry = await startDockerRegistry({ users: USERS });
    const file = credentialFile(join(newFolder(), "config.json"));
    const client = clientWith();
    const wrong = { ...ME, password: "wrong" };
    await expect(login(client, registry.host, wrong, { file })).rejects.toMatchObject({
      code: "REGISTRY_UNAUTHORIZED",
    });
    await login(client, registry.host, ME, { file });
    await push(
      clientWith({ credentials: dockerCredentials({ configFile: file.path }) }),
      `${registry.host}/team/app:1`,
    );
    const inspect = ["inspect", "--tls-verify=false", "--authfile", file.path, `docker://${registry.host}/team/app:1`];
    expect(JSON.parse(await runProgram("skopeo", inspect))).toMatchObject({ Digest: digestOf(MANIFEST) });

    const home = newFolder();
    const runtime = join(home, "run");
    mkdirSync(join(runtime, "containers"), { recursive: true });
    const authFile = join(runtime, "containers", "auth.json");
    const skopeoLogin = ["login", "--tls-verify=false", "--authfile", authFile, "-u", "me", "--password-stdin"];
    await runProgram("skopeo", [...skopeoLogin, registry.host], { input: "pass:word" });
    const credentials = environmentCredentials({ env: { XDG_RUNTIME_DIR: runtime }, homeDir: home });
    const source = registrySource(clientWith({ credentials }), parseReference(`${registry.host}/team/app:1`));
    expect((await source.fetchManifest("1")).bytes.equals(MANIFEST)).toBe(true);

    // Ours ends skopeo's login, and skopeo's ours.
    expect(await logout(registry.host, { file: credentialFile(authFile) })).toBe(true);
    await expect(
      runProgram("skopeo", ["login", "--get-login", "--authfile", authFile, registry.host]),
    ).rejects.toThrow();
    await runProgram("skopeo", ["logout", "--authfile", file.path, registry.host]);
    expect(await logout(registry.host, { file })).toBe(false);
  });

  test("R14: TLS of an authority of one's own, from certs.d", async () => {
    const tls = selfSignedCertificate();
    await using registry = await startDockerRegistry({ tls, users: USERS });
    const home = newFolder();
    const environment = { env: {}, homeDir: home, systemDir: home };
    const credentials = { get: async () => ME };
    const refused = clientWith({ credentials, certificates: hostCertificates(environment) });
    await expect(push(refused, `${registry.host}/team/app:1`)).rejects.toMatchObject({
      code: "REGISTRY_REQUEST",
      message: expect.stringContaining("self-signed certificate"),
    });
    const place = join(home, ".config", "containers", "certs.d", registry.host);
    mkdirSync(place, { recursive: true });
    writeFileSync(join(place, "ca.crt"), tls.cert);
    const client = clientWith({ credentials, certificates: hostCertificates(environment) });
    await push(client, `${registry.host}/team/app:1`);
    const copied = ["--src-cert-dir", place, "--src-creds", "me:pass:word"];
    await runProgram("skopeo", [
      "copy",
      ...copied,
      `docker://${registry.host}/team/app:1`,
      `dir:${join(home, "copy")}`,
    ]);
    expect(readFileSync(join(home, "copy", digestOf(LAYER).slice(7))).equals(LAYER)).toBe(true);
  });

  test("R4: bearer tokens of a token server", async () => {
    await using tokens = await startTokenServer(USERS);
    await using registry = await startDockerRegistry({ tokens });
    const file = credentialFile(join(newFolder(), "config.json"));
    await login(clientWith(), registry.host, ME, { file });
    const client = clientWith({ credentials: dockerCredentials({ configFile: file.path }) });
    await push(client, `${registry.host}/team/app:1`);
    expect(tokens.asked).toContain("me repository:team/app:pull,push");
    expect(await listOf(listTags(client, parseReference(`${registry.host}/team/app`)))).toEqual(["1"]);
    expect(await listOf(listRepositories(client, registry.host))).toEqual(["team/app"]);
    const anonymous = clientWith();
    const source = registrySource(anonymous, parseReference(`${registry.host}/team/app:1`));
    expect((await source.fetchManifest("1")).bytes.equals(MANIFEST)).toBe(true);
    await expect(push(anonymous, `${registry.host}/team/other:1`)).rejects.toMatchObject({
      code: "REGISTRY_UNAUTHORIZED",
    });
  });

  test("lists in pages, keeps referrers under a tag, deletes, and copies to the in-process registry", async () => {
    await using registry = await startDockerRegistry();
    await using other = await startRegistry();
    const client = clientWith();
    const name = parseReference(`${registry.host}/team/app:1`);
    const descriptor = await push(client, `${registry.host}/team/app:1`);
    for (const tag of ["2", "3", "4", "5"]) {
      await registryPusher(client).pushManifest({ ...name, tag }, descriptor, MANIFEST);
    }
    // This one gives all tags at once, in no order; its repositories it gives in pages.
    expect((await listOf(listTags(client, name, { pageSize: 2 }))).sort()).toEqual(["1", "2", "3", "4", "5"]);
    await push(client, `${registry.host}/team/second:1`);
    expect(await listOf(listRepositories(client, registry.host, { pageSize: 1 }))).toEqual(["team/app", "team/second"]);

    const signature = Buffer.from(
      JSON.stringify({
        schemaVersion: 2,
        mediaType: OCI_MANIFEST,
        artifactType: "application/x-sig",
        config: blobOf(CONFIG, OCI_CONFIG),
        layers: [],
        subject: descriptor,
      }),
    );
    const { tag: _tag, ...untagged } = name;
    await registryPusher(client).pushManifest(untagged, blobOf(signature, OCI_MANIFEST), signature);
    expect(await listReferrers(client, name, descriptor.digest)).toEqual([
      { ...blobOf(signature, OCI_MANIFEST), artifactType: "application/x-sig" },
    ]);

    await copyImage(client, name, parseReference(`${other.host}/copy/app:1`), { referrers: true });
    expect(other.content.blob("copy/app", digestOf(LAYER))?.equals(LAYER)).toBe(true);
    expect(other.content.manifest("copy/app", digestOf(signature))?.bytes.equals(signature)).toBe(true);

    await expect(deleteTag(client, name, "2")).rejects.toMatchObject({
      code: "REGISTRY_REQUEST",
      hint: expect.stringContaining("by its digest"),
    });
    await deleteManifest(client, name, descriptor.digest);
    await expect(registrySource(client, name).fetchManifest("1")).rejects.toMatchObject({ code: "REGISTRY_NOT_FOUND" });
  });

  test("R9: an upload over connections that break goes on", async () => {
    await using registry = await startDockerRegistry();
    await using proxy = await startCuttingProxy(registry.host, { afterBytes: 9_000_000, times: 3 });
    const client = clientWith();
    await push(client, `${proxy.host}/team/app:1`);
    expect(proxy.cuts).toBeGreaterThanOrEqual(2);
    const source = registrySource(client, parseReference(`${registry.host}/team/app:1`));
    expect((await collect(source.open(blobOf(LAYER)))).equals(LAYER)).toBe(true);
  });
});

/** An image with a real layer, built into `reference`; returns its digest. */
async function buildInto(reference: string): Promise<string> {
  const built = await build({
    context: memory({ Dockerfile: 'FROM scratch\nCOPY hello /hello\nCMD ["/hello"]\n', hello: "hello, world\n" }),
    tags: [reference],
    push: true,
    root: newFolder(),
    dockerConfigDir: newFolder(),
    platforms: ["linux/amd64"],
  });
  return built.digest;
}

async function fileOf(blobs: RegistryContent, repository: string): Promise<string> {
  const { layers } = JSON.parse(blobs.manifest(repository, "1")!.bytes.toString("utf8")) as { layers: Descriptor[] };
  return layers.map(({ digest }) => digest).join(" ");
}

const MODES: readonly (readonly [string, TestRegistryOptions["access"] & object])[] = [
  ["open", { kind: "open" }],
  ["with basic authentication", { kind: "basic", users: USERS }],
  ["with bearer tokens", { kind: "bearer", users: USERS, givesIdentityTokens: true }],
];

describe.runIf(requireTool("skopeo"))("the in-process registry, kept in a folder", () => {
  test.each(MODES)("%s: skopeo pushes, lists, copies and deletes", async (_name, access) => {
    const place = newFolder();
    await using registry = await startRegistry({ access, folder: place });
    const layout = join(newFolder(), "layout");
    await build({
      context: memory({ Dockerfile: "FROM scratch\nCOPY hello /hello\n", hello: "hello, world\n" }),
      outputs: [`type=oci,tar=false,dest=${layout}`],
      tags: ["x:1"],
      root: newFolder(),
      platforms: ["linux/amd64"],
    });
    const creds = (side: string): string[] => (access.kind === "open" ? [] : [`--${side}creds`, "me:pass:word"]);
    const at = (reference: string): string => `docker://${registry.host}/${reference}`;
    await runProgram("skopeo", [
      "copy",
      "--dest-tls-verify=false",
      ...creds("dest-"),
      `oci:${layout}`,
      at("team/app:1"),
    ]);
    const both = ["--src-tls-verify=false", "--dest-tls-verify=false", ...creds("src-"), ...creds("dest-")];
    await runProgram("skopeo", ["copy", ...both, at("team/app:1"), at("other/app:1")]);
    const tags = await runProgram("skopeo", ["list-tags", "--tls-verify=false", ...creds(""), at("team/app")]);
    expect(JSON.parse(tags)).toMatchObject({ Tags: ["1"] });
    expect(await fileOf(registry.content, "other/app")).toBe(await fileOf(registry.content, "team/app"));
    await runProgram("skopeo", ["delete", "--tls-verify=false", ...creds(""), at("team/app:1")]);
    expect(registry.content.tags("team/app")).toEqual([]);
    // Another one finds it again.
    expect(new RegistryContent({ folder: place }).tags("other/app")).toEqual(["1"]);
  });
});

describe.runIf(requireTool("podman"))("the in-process registry and podman", () => {
  test.each(MODES)("%s: podman logs in, pulls and pushes", async (_name, access) => {
    await using registry = await startRegistry({ access });
    await using podman = makePodman();
    const open = await startRegistry({ content: registry.content });
    await buildInto(`${open.host}/team/app:1`);
    await open.close();
    if (access.kind !== "open") {
      const args = ["login", "--tls-verify=false", "-u", "me", "--password-stdin", registry.host];
      await podman.podman(args, { input: "pass:word" });
    }
    await podman.podman(["pull", "--tls-verify=false", `${registry.host}/team/app:1`]);
    await podman.podman(["tag", `${registry.host}/team/app:1`, `${registry.host}/podman/app:1`]);
    await podman.podman(["push", "--tls-verify=false", `${registry.host}/podman/app:1`]);
    expect(registry.content.manifest("podman/app", "1")).toBeDefined();
  });
});

const mayRunDockerd = process.getuid?.() === 0 && requireTool("dockerd", "docker");
describe.runIf(mayRunDockerd)("the in-process registry and docker", () => {
  let dockerd: Dockerd;
  beforeAll(async () => {
    dockerd = await startDockerd();
  });
  afterAll(() => dockerd?.stop());

  test.each(MODES)("%s: docker logs in, pulls and pushes", async (_name, access) => {
    await using registry = await startRegistry({ access });
    const open = await startRegistry({ content: registry.content });
    await buildInto(`${open.host}/team/app:1`);
    await open.close();
    const { host } = registry;
    if (access.kind !== "open")
      await dockerd.docker(["login", "-u", "me", "--password-stdin", host], { input: "pass:word" });
    await dockerd.docker(["pull", `${host}/team/app:1`]);
    await dockerd.docker(["tag", `${host}/team/app:1`, `${host}/docker/app:1`]);
    await dockerd.docker(["push", `${host}/docker/app:1`]);
    // Docker may compress again: what it pulls from there is the same image.
    const idOf = (name: string): Promise<string> => dockerd.docker(["image", "inspect", "--format", "{{.Id}}", name]);
    const pushed = await idOf(`${host}/docker/app:1`);
    await dockerd.docker(["image", "rm", "--force", `${host}/docker/app:1`, `${host}/team/app:1`]);
    await dockerd.docker(["pull", `${host}/docker/app:1`]);
    expect(await idOf(`${host}/docker/app:1`)).toBe(pushed);
    if (access.kind !== "open") await dockerd.docker(["logout", host]);
  });
});
