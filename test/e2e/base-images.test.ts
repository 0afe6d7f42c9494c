/** Base images from everywhere they can come from, and of both families of media types. */
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { openLayout } from "../../src/cache/oci-layout.js";
import { type BuildOptions, type Built, build, dockerArchive, ociLayout } from "../../src/index.js";
import type { BlobReader } from "../../src/oci/blobs.js";
import { parseReference } from "../../src/oci/reference.js";
import type { Descriptor } from "../../src/oci/types.js";
import { createRegistryClient } from "../../src/registry/client.js";
import { dockerCredentials } from "../../src/registry/docker-config.js";
import { registrySource } from "../../src/registry/pull.js";
import { validateImage } from "../../src/testing/validate-image.js";
import { type DockerRegistry, startDockerRegistry } from "../support/docker-registry.js";
import { startDockerd } from "../support/dockerd.js";
import { ocibuild, tryOcibuild } from "../support/ocibuild.js";
import { makeOrdinaryUser, requireOrdinaryUser, requireRoot } from "../support/ordinary-user.js";
import { makeOwnFolder, removeOwnFolder } from "../support/own-folder.js";
import { makePodman } from "../support/podman.js";
import { runProgram } from "../support/program.js";
import { requireTool } from "../support/tools.js";
import { writeFiles } from "../support/write-files.js";

const ready = requireTool("docker-registry", "skopeo", "htpasswd", "gzip");
const withDockerd = ready && requireTool("dockerd", "docker") && requireRoot();
const withPodman = ready && requireTool("podman") && requireOrdinaryUser();
const PASSWORD = "pass:w ö rd";

describe.runIf(ready)("base images", () => {
  let folder = "";
  let registry: DockerRegistry;
  let guarded: DockerRegistry;
  let dockerConfigDir = "";
  const path = (name: string): string => join(folder, name);
  const skopeo = (...args: readonly string[]): Promise<string> => runProgram("skopeo", args);

  beforeAll(async () => {
    folder = makeOwnFolder("bases");
    registry = await startDockerRegistry();
    guarded = await startDockerRegistry({ users: { me: PASSWORD } });
    dockerConfigDir = path("docker-config");
    mkdirSync(dockerConfigDir);
    const auth = Buffer.from(`me:${PASSWORD}`).toString("base64");
    writeFileSync(join(dockerConfigDir, "config.json"), JSON.stringify({ auths: { [guarded.host]: { auth } } }));
    writeFiles(folder, { "base/etc/passwd": "root:x:0:0::/:/bin/sh\nweb:x:77:88::/:/bin/sh\n", "app/app": "app" });
    const dockerfile = `FROM scratch
COPY etc /etc
ARG TARGETARCH
COPY <<EOF /arch
$TARGETARCH
EOF
ENV FROM_BASE=yes ARCH=$TARGETARCH
USER web
WORKDIR /home
ONBUILD LABEL triggered=yes
`;
    await build({
      context: path("base"),
      dockerfile,
      platforms: ["linux/amd64", "linux/arm64"],
      tags: ["base:1"],
      outputs: [ociLayout(path("layout"))],
      root: path("base-store"),
    });
  });
  afterAll(async () => {
    await registry?.stop();
    await guarded?.stop();
    removeOwnFolder(folder);
  });

  const DOCKERFILE = "FROM base:1\nCOPY --chown=web app .\n";

  /** Builds on the base, checks what comes out as an OCI layout, and returns it. */
  const buildOn = async (name: string, options: Partial<BuildOptions>): Promise<Built> => {
    const out = path(`out-${name}`);
    const arch = options.platforms?.[0]?.slice("linux/".length) ?? "amd64";
    const built = await build({
      context: path("app"),
      dockerfile: DOCKERFILE,
      platforms: ["linux/amd64"],
      tags: ["app:1"],
      outputs: [ociLayout(out)],
      root: path(`store-${name}`),
      ...options,
    });
    const { blobs, find } = await openLayout(out);
    await checkApp(blobs, find("1"), arch);
    expect((await built.readFile("/arch")).toString()).toBe(`${arch}\n`);
    const found: string[] = [];
    for await (const file of built.files()) found.push(`${file.path} ${file.uid}:${file.gid}`);
    expect(found).toContain("/home/app 77:88");
    await skopeo("inspect", `oci:${out}:1`);
    return built;
  };

  const checkApp = async (blobs: BlobReader, descriptor: Descriptor, arch: string): Promise<void> => {
    const { images } = await validateImage(blobs, descriptor);
    expect(images.map(({ platform }) => platform)).toEqual([`linux/${arch}`]);
    expect(images[0]!.config.config).toMatchObject({
      Env: expect.arrayContaining(["FROM_BASE=yes", `ARCH=${arch}`]),
      User: "web",
      WorkingDir: "/home",
      Labels: { triggered: "yes" },
    });
    expect(images[0]!.config.config).not.toHaveProperty("OnBuild");
  };

  it.each(["amd64", "arm64"])("come from an index in an OCI layout for the platform %s", async (arch) => {
    const buildContexts = { "base:1": `oci-layout://${path("layout")}:1` };
    await buildOn(`layout-${arch}`, { platforms: [`linux/${arch}`], buildContexts });
  });

  it("come from a tag of the store", async () => {
    const root = path("shared-store");
    await build({ context: path("base"), dockerfile: baseDockerfile("amd64"), tags: ["base:1"], root });
    await buildOn("store", { root });
  });

  it.each([
    ["OCI", "oci", "application/vnd.oci.image.manifest.v1+json"],
    ["Docker", "v2s2", "application/vnd.docker.distribution.manifest.v2+json"],
  ])(
    "come from a registry with %s media types, and stay as they are in what is pushed",
    async (_, format, mediaType) => {
      const base = `${registry.host}/${format}/base:1`;
      const args = ["--override-arch", "amd64", "copy", "--dest-tls-verify=false", "--format", format];
      await skopeo(...args, `oci:${path("layout")}:1`, `docker://${base}`);
      await using client = createRegistryClient();
      const baseSource = registrySource(client, parseReference(base));
      expect((await baseSource.fetchManifest("1")).descriptor.mediaType).toBe(mediaType);

      await buildOn(`named-${format}`, { dockerfile: DOCKERFILE.replace("base:1", base) });
      await buildOn(`context-${format}`, { buildContexts: { "base:1": `docker-image://${base}` } });
      const tag = `${registry.host}/${format}/app:1`;
      const outputs = [format === "v2s2" ? "type=registry,oci-mediatypes=false" : "type=registry"];
      const built = await build({
        context: path("app"),
        dockerfile: DOCKERFILE.replace("base:1", base),
        platforms: ["linux/amd64"],
        tags: [tag],
        outputs,
        root: path(`push-${format}`),
      });
      const source = registrySource(client, parseReference(tag));
      const { descriptor } = await source.fetchManifest("1");
      expect(descriptor).toMatchObject({ digest: built.digest, mediaType });
      await checkApp(source, descriptor, "amd64");
      await skopeo("inspect", "--tls-verify=false", `docker://${tag}`);
      // Compressed layers of the base are what they were.
      const baseImage = await validateImage(baseSource, (await baseSource.fetchManifest("1")).descriptor);
      const digests = built.images[0]!.layers.map((layer) => layer.descriptor.digest);
      expect(digests.slice(0, -1)).toEqual(baseImage.images[0]!.layers.map((layer) => layer.descriptor.digest));
    },
  );

  it("come from an index of a registry, for each platform asked for", async () => {
    const base = `${registry.host}/index/base:1`;
    await skopeo("copy", "--all", "--dest-tls-verify=false", `oci:${path("layout")}:1`, `docker://${base}`);
    for (const arch of ["arm64", "amd64"]) {
      const dockerfile = DOCKERFILE.replace("base:1", base);
      await buildOn(`index-${arch}`, { dockerfile, platforms: [`linux/${arch}`], root: path("index-store") });
    }
    const dockerfile = `FROM --platform=linux/arm64 ${base} AS arm\nFROM ${base}\nCOPY --from=arm /arch /other\n`;
    const built = await build({
      context: path("app"),
      dockerfile,
      platforms: ["linux/amd64"],
      outputs: ["type=cacheonly"],
      root: path("index-store"),
    });
    expect((await built.readFile("/other")).toString()).toBe("arm64\n");
    expect((await built.readFile("/arch")).toString()).toBe("amd64\n");
  });

  it.each(["oci-archive", "docker-archive"])(
    "come from a tarball (%s) that skopeo wrote, gzipped or not",
    async (scheme) => {
      const archive = path(`skopeo-${scheme}.tar`);
      await skopeo("--override-arch", "amd64", "copy", `oci:${path("layout")}:1`, `${scheme}:${archive}:base:1`);
      await buildOn(`skopeo-${scheme}`, { buildContexts: { "base:1": `${scheme}://${archive}` } });
      await runProgram("gzip", [archive]);
      await buildOn(`skopeo-${scheme}-gz`, { buildContexts: { "base:1": `${scheme}://${archive}.gz` } });
    },
  );

  it.runIf(withDockerd)("come from what docker save wrote", async () => {
    await using daemon = await startDockerd({ insecureRegistry: registry.host });
    const base = `${registry.host}/saved/base:1`;
    await skopeo("copy", "--all", "--dest-tls-verify=false", `oci:${path("layout")}:1`, `docker://${base}`);
    await daemon.docker(["pull", "--quiet", base]);
    // Two images: the archive then names one file for the layer that both have.
    const other = path("other.tar");
    await build({
      context: path("app"),
      dockerfile: `FROM ${base}\nCOPY app /other\n`,
      tags: [base.replace(":1", ":2")],
      outputs: [dockerArchive(other)],
      root: path("store-other"),
    });
    await daemon.docker(["load", "--input", other]);
    const archive = path("docker-save.tar");
    await daemon.docker(["save", "--output", archive, base, base.replace(":1", ":2")]);
    await buildOn("docker-save", { buildContexts: { "base:1": `docker-archive://${archive}:1` } });
  });

  it.runIf(withPodman)("come from what podman save wrote, in both forms", async () => {
    await using user = makeOrdinaryUser();
    await using podman = makePodman({ user });
    const base = `${registry.host}/podman/base:1`;
    await skopeo("copy", "--all", "--dest-tls-verify=false", `oci:${path("layout")}:1`, `docker://${base}`);
    await podman.podman(["pull", "--quiet", "--tls-verify=false", "--arch", "amd64", base]);
    for (const format of ["docker-archive", "oci-archive"]) {
      const archive = join(user.home, `${format}.tar`);
      await podman.podman(["save", "--format", format, "--output", archive, base]);
      await buildOn(`podman-${format}`, { buildContexts: { "base:1": `${format}://${archive}` } });
    }
  });

  it("come from a registry that demands a password, which config.json has", async () => {
    const base = `${guarded.host}/private/base:1`;
    const copy = ["copy", "--all", "--dest-tls-verify=false", "--dest-creds", `me:${PASSWORD}`];
    await skopeo(...copy, `oci:${path("layout")}:1`, `docker://${base}`);
    const dockerfile = DOCKERFILE.replace("base:1", base);
    await buildOn("private", { dockerfile, dockerConfigDir });

    const tag = `${guarded.host}/private/app:1`;
    writeFiles(folder, { "app/Dockerfile": dockerfile });
    const args = ["--root", path("store-cli"), "--platform", "linux/amd64", "-t", tag, "--push", "app"];
    const digest = await ocibuild(args, { cwd: folder, env: { DOCKER_CONFIG: dockerConfigDir } });
    await using client = createRegistryClient({
      credentials: dockerCredentials({ configFile: join(dockerConfigDir, "config.json") }),
    });
    const source = registrySource(client, parseReference(tag));
    const { descriptor } = await source.fetchManifest("1");
    expect(descriptor.digest).toBe(digest);
    await checkApp(source, descriptor, "amd64");

    const refused = await tryOcibuild([...args, "--pull", "--no-cache"], { cwd: folder });
    expect(refused.code).toBe(1);
    expect(refused.stdout.toString()).toBe("");
    expect(refused.stderr).toContain(guarded.host);
    expect(refused.stderr).toMatch(/401|denied|unauthorized|login/i);
    expect(refused.stderr).not.toContain(PASSWORD);
  });
});

function baseDockerfile(arch: string): string {
  return `FROM scratch
COPY etc /etc
COPY <<EOF /arch
${arch}
EOF
ENV FROM_BASE=yes ARCH=${arch}
USER web
WORKDIR /home
ONBUILD LABEL triggered=yes
`;
}
