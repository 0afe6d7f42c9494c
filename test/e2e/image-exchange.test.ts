/** Images on their way between this store and skopeo, podman and docker: in both directions, the same image at the end. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type DockerRegistry, startDockerRegistry } from "../support/docker-registry.js";
import { type Dockerd, startDockerd } from "../support/dockerd.js";
import { requireRoot } from "../support/ordinary-user.js";
import { makeOwnFolder, removeOwnFolder } from "../support/own-folder.js";
import { makePodman, type Podman } from "../support/podman.js";
import { runProgram } from "../support/program.js";
import { recordingProxy } from "../support/socket-recorder.js";
import { buildBusybox, type StoreCommands, storeCommands } from "../support/store-commands.js";
import { requireTool } from "../support/tools.js";

const ready = process.platform === "linux" && requireTool("skopeo", "docker-registry", "busybox", "ldd", "tar");
const withDockerd = ready && requireTool("dockerd", "docker") && requireRoot();
const withPodman = ready && requireTool("podman") && requireRoot();

const NAME = "docker.io/library/busybox:latest";

let folder: string;
let registry: DockerRegistry;
let ours: StoreCommands;
let id: string;
let count = 0;

/** Commands on an empty store. */
const another = (env?: Readonly<Record<string, string>>): StoreCommands =>
  storeCommands(folder, `store${++count}`, env);
const idOf = (commands: StoreCommands, name = "busybox"): Promise<string> =>
  commands.run(["inspect", "--format", "{{.Id}}", name]);
const runs = (commands: StoreCommands, name = "busybox"): Promise<string> =>
  commands.run(["run", "--rm", name, "echo", "it runs"]);

beforeAll(async () => {
  if (!ready) return;
  folder = makeOwnFolder("exchange");
  registry = await startDockerRegistry();
  ours = storeCommands(folder, "ours");
  await buildBusybox(folder, ours);
  id = await idOf(ours);
});
afterAll(async () => {
  if (!ready) return;
  await registry?.stop();
  removeOwnFolder(folder);
});

const skopeo = (...args: string[]): Promise<string> =>
  runProgram("skopeo", args, { cwd: folder, env: { PATH: process.env["PATH"] ?? "", HOME: folder } });

describe.runIf(ready)("skopeo", () => {
  it("reads the store in place", async () => {
    const store = `oci:${join(folder, "ours", "images")}:${NAME}`;
    expect(JSON.parse(await skopeo("inspect", store)).Layers).toHaveLength(2);
    await skopeo("copy", "--dest-tls-verify=false", store, `docker://${registry.host}/from/skopeo:1`);
    const other = another();
    await other.run(["pull", `${registry.host}/from/skopeo:1`]);
    expect(await idOf(other, `${registry.host}/from/skopeo:1`)).toBe(id);
  });

  it("reads what copy writes, and copy what it writes", async () => {
    const digest = await ours.run(["copy", "busybox", "oci:layout:docker.io/library/busybox:latest"]);
    expect(JSON.parse(await skopeo("inspect", `oci:layout:${NAME}`)).Digest).toBe(digest);
    expect(await ours.run(["copy", "busybox", "oci-archive:a.tar:tagged"])).toBe(digest);
    expect(JSON.parse(await skopeo("inspect", "oci-archive:a.tar:tagged")).Digest).toBe(digest);
    await ours.run(["copy", "oci:layout", "docker-archive:d.tar:busybox:latest"]);
    expect(JSON.parse(await skopeo("inspect", "docker-archive:d.tar")).Layers).toHaveLength(2);
    await skopeo("copy", "oci-archive:a.tar:tagged", "docker-archive:s.tar:skopeo.example/x:1");
    await skopeo("copy", "oci-archive:a.tar:tagged", "oci-archive:t.tar:1");
    await skopeo("copy", "oci-archive:a.tar:tagged", "oci:second:1");
    for (const place of ["docker-archive:s.tar", "oci-archive:t.tar:1", "oci:second:1"]) {
      const other = another();
      await other.run(["copy", place, "busybox"]);
      expect(await idOf(other)).toBe(id);
      expect(await runs(other)).toBe("it runs");
    }
  });

  it("finds every platform of what copy moves between registries, and the one that is asked for", async () => {
    writeFileSync(
      join(folder, "Dockerfile"),
      "FROM scratch\nARG TARGETARCH\nLABEL arch=$TARGETARCH\nCOPY Dockerfile /\n",
    );
    const platforms = ["linux/amd64", "linux/arm64", "linux/s390x"];
    const name = `${registry.host}/multi:1`;
    await ours.run(["-q", "--platform", platforms.join(","), "-t", name, "--push", "-f", "Dockerfile", "."]);
    const digest = await ours.run(["copy", `docker://${name}`, `docker://${registry.host}/copied:1`]);
    const raw = (place: string): Promise<string> => skopeo("inspect", "--tls-verify=false", "--raw", place);
    expect(JSON.parse(await raw(`docker://${registry.host}/copied@${digest}`)).manifests).toHaveLength(3);
    expect(await ours.run(["copy", `docker://${name}`, "oci:all:1"])).toBe(digest);
    await ours.run(["copy", "--platform", "linux/arm64", "oci:all:1", "oci:one:1"]);
    expect(JSON.parse(await skopeo("inspect", "--override-arch", "arm64", "oci:one:1")).Labels).toEqual({
      arch: "arm64",
    });
    await ours.run(["copy", "--platform", "linux/arm64,linux/s390x", "oci:all:1", `docker://${registry.host}/two:1`]);
    const two = JSON.parse(await raw(`docker://${registry.host}/two:1`)).manifests;
    expect(two.map((entry: { platform: { architecture: string } }) => entry.platform.architecture)).toEqual([
      "arm64",
      "s390x",
    ]);
  });

  it("finds an index that was pulled for one platform only under that platform; pushed it is that image", async () => {
    const name = `${registry.host}/multi:1`;
    const other = another();
    await other.run(["pull", "--platform", "linux/arm64", name]);
    expect(await other.run(["history", "--format", "{{.CreatedBy}}", name])).toContain("LABEL arch=arm64");
    await other.run(["tag", name, `${registry.host}/part:1`]);
    const pushed = await other.tried(["push", `${registry.host}/part:1`]);
    expect(pushed.code).toBe(0);
    expect(pushed.stderr).toContain("NOTE: Not all multiplatform-content is present");
    expect(await other.tried(["inspect", "--platform", "linux/s390x", name])).toMatchObject({ code: 1 });
    await other.run(["pull", "--platform", "all", name]);
    expect(await other.run(["inspect", "--platform", "linux/s390x", "--format", "{{.Architecture}}", name])).toBe(
      "s390x",
    );
    const again = await other.tried(["push", `${registry.host}/part:2`]);
    expect(again.stderr).toContain("No such image");
    await other.run(["tag", name, `${registry.host}/whole:1`]);
    const [whole, first] = [
      await other.run(["push", `${registry.host}/whole:1`]),
      await ours.run(["copy", `docker://${name}`, "oci:x:1"]),
    ];
    expect(whole).toContain(first);
  });
});

describe.runIf(withPodman)("podman", () => {
  let podman: Podman;
  beforeAll(() => {
    podman = makePodman();
  });
  afterAll(() => podman?.stop());

  it("loads what save writes, and load what it saves", async () => {
    await ours.run(["tag", "busybox", "more.example/busybox:2"]);
    await ours.run(["save", "-o", "podman.tar", "busybox", "more.example/busybox:2"]);
    await podman.podman(["load", "-q", "-i", join(folder, "podman.tar")]);
    const found = await podman.podman(["image", "inspect", "--format", "{{.Id}}", NAME]);
    expect(`sha256:${found.trim()}`).toBe(id);
    expect(await podman.run([NAME, "echo", "in podman"])).toContain("in podman");
    for (const format of ["docker-archive", "oci-archive"]) {
      const file = join(folder, `${format}.tar`);
      await podman.podman(["save", "-q", "--format", format, "-o", file, NAME]);
      const other = another();
      expect(await other.run(["load", "-i", file])).toBe("Loaded image: busybox:latest");
      // Podman writes the config anew.
      const layers = ["inspect", "--format", "{{json .RootFS.Layers}}", "busybox"];
      expect(await other.run(layers)).toBe(await ours.run(layers));
      expect(await runs(other)).toBe("it runs");
    }
  });

  it("pulls what push pushes, and pull what it pushes", async () => {
    const name = `${registry.host}/podman/busybox:1`;
    await ours.run(["tag", "busybox", name]);
    await ours.run(["push", name]);
    await podman.podman(["pull", "-q", "--tls-verify=false", name]);
    expect(`sha256:${(await podman.podman(["image", "inspect", "--format", "{{.Id}}", name])).trim()}`).toBe(id);
    await podman.podman(["push", "-q", "--tls-verify=false", name, `docker://${registry.host}/podman/back:1`]);
    const other = another();
    await other.run(["pull", `${registry.host}/podman/back:1`]);
    expect(await runs(other, `${registry.host}/podman/back:1`)).toBe("it runs");
  });
});

describe.runIf(withDockerd)("docker", () => {
  let dockerd: Dockerd;
  beforeAll(async () => {
    dockerd = await startDockerd({ insecureRegistry: registry.host });
  });
  afterAll(() => dockerd?.stop());

  it("loads what save writes, and load what it saves", async () => {
    await ours.run(["save", "-o", "docker.tar", "busybox"]);
    expect(await dockerd.docker(["load", "-i", join(folder, "docker.tar")])).toBe("Loaded image: busybox:latest\n");
    expect((await dockerd.docker(["image", "inspect", "--format", "{{.Id}}", "busybox"])).trim()).toBe(id);
    expect(await dockerd.docker(["run", "--rm", "--network", "host", "busybox", "echo", "in docker"])).toBe(
      "in docker\n",
    );
    await dockerd.docker(["save", "-o", join(folder, "saved.tar"), "busybox"]);
    const other = another();
    expect(await other.run(["load", "-i", "saved.tar"])).toBe("Loaded image: busybox:latest");
    expect(await idOf(other)).toBe(id);
    expect(await runs(other)).toBe("it runs");
    // The same columns and words, but for the times.
    const plain = (text: string): string =>
      text
        .replace(/ +/g, " ")
        .replace(/(?:About )?\w+ \w+ ago/g, "AGO")
        .trim();
    const rows = (await dockerd.docker(["images"])).trim().split("\n").map(plain);
    expect((await other.run(["images"])).split("\n").map(plain)[0]).toBe(rows[0]);
    const columns = "{{.Repository}} {{.Tag}} {{.ID}}";
    expect(await other.run(["images", "--format", columns])).toBe(
      (await dockerd.docker(["images", "--format", columns])).trim(),
    );
    const created = ["history", "--format", "{{.ID}} {{.CreatedBy}} {{.Comment}}", "busybox"];
    expect(await other.run(created)).toBe((await dockerd.docker(created)).trim());
  });

  it("pulls what push pushes, and pull what it pushes", async () => {
    const name = `${registry.host}/docker/busybox:1`;
    await ours.run(["tag", "busybox", name]);
    await ours.run(["push", name]);
    await dockerd.docker(["pull", "-q", name]);
    expect((await dockerd.docker(["image", "inspect", "--format", "{{.Id}}", name])).trim()).toBe(id);
    await dockerd.docker(["tag", name, `${registry.host}/docker/back:1`]);
    await dockerd.docker(["push", "-q", `${registry.host}/docker/back:1`]);
    const other = another();
    await other.run(["pull", `${registry.host}/docker/back:1`]);
    expect(await idOf(other, `${registry.host}/docker/back:1`)).toBe(id);
    expect(await runs(other, `${registry.host}/docker/back:1`)).toBe("it runs");
  });

  it("gives and takes images over its socket", async () => {
    const other = another({ DOCKER_HOST: dockerd.host });
    await other.run(["copy", "docker-daemon:busybox:latest", "busybox"]);
    expect(await idOf(other)).toBe(id);
    await other.run(["copy", "busybox", "docker-daemon:copied:3"]);
    expect((await dockerd.docker(["image", "inspect", "--format", "{{.Id}}", "copied:3"])).trim()).toBe(id);
    expect(await other.tried(["copy", "docker-daemon:nothing:1", "x"])).toMatchObject({ code: 1 });
    const without = another({ DOCKER_HOST: `unix://${folder}/no.sock` });
    const refused = await without.tried(["copy", "docker-daemon:busybox:latest", "busybox"]);
    expect(refused).toMatchObject({ code: 1 });
    expect(refused.stderr).toContain("does not answer");
  });

  it("gets a build by --load, and only what it has not got", async () => {
    await using recorder = await recordingProxy(dockerd.host, folder);
    const other = another({ DOCKER_HOST: recorder.host });
    writeFileSync(join(folder, "Load.Dockerfile"), "FROM busybox\nCOPY note /\n");
    writeFileSync(join(folder, "note"), "1\n");
    await other.run(["load", "-i", "saved.tar"]);
    const build = (): Promise<string> => other.run(["-q", "--load", "-t", "loaded:1", "-f", "Load.Dockerfile", "."]);
    await build();
    expect(await dockerd.docker(["run", "--rm", "--network", "host", "loaded:1", "cat", "/note"])).toBe("1\n");
    // The base was there.
    expect(recorder.sentBytes()).toBeLessThan(100_000);
    const { loads } = recorder;
    expect(loads()).toBe(1);
    await build();
    expect(loads()).toBe(1);
    await other.run(["-q", "--load", "-t", "loaded:2", "-f", "Load.Dockerfile", "."]);
    expect(loads()).toBe(1);
    expect(await dockerd.docker(["images", "-q", "loaded:2"])).toBe(await dockerd.docker(["images", "-q", "loaded:1"]));
    const two = await other.tried([
      "--load",
      "--platform",
      "linux/amd64,linux/arm64",
      "-t",
      "x",
      "-f",
      "Load.Dockerfile",
      ".",
    ]);
    expect(two).toMatchObject({ code: 1 });
  });
});
