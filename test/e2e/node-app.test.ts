/** The first path as a whole: base image in a registry, Dockerfile, push, and engines that pull and run the result. */
import { mkdirSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { build } from "../../src/index.js";
import { parseReference } from "../../src/oci/reference.js";
import { createRegistryClient } from "../../src/registry/client.js";
import { registrySource } from "../../src/registry/pull.js";
import { validateImage } from "../../src/testing/validate-image.js";
import { type DockerRegistry, startDockerRegistry } from "../support/docker-registry.js";
import { startDockerd } from "../support/dockerd.js";
import { ocibuild } from "../support/ocibuild.js";
import { makeOrdinaryUser, requireOrdinaryUser, requireRoot } from "../support/ordinary-user.js";
import { makeOwnFolder, removeOwnFolder } from "../support/own-folder.js";
import { makePodman } from "../support/podman.js";
import { type RecordedRequest, type RecordingProxy, startRecordingProxy } from "../support/recording-proxy.js";
import { writeBusybox, writeNode } from "../support/root-files.js";
import { requireTool } from "../support/tools.js";
import { writeFiles } from "../support/write-files.js";

const ready = requireTool("docker-registry", "busybox", "ldd");
const withDockerd = ready && requireTool("dockerd", "docker") && requireRoot();
const withPodman = ready && requireTool("podman") && requireOrdinaryUser();

const PORT = 8080;
const APP = `
const http = require("node:http");
const server = http.createServer((request, response) => {
  response.end(JSON.stringify({ path: request.url, node: process.version, script: process.argv[1], ...process.env.MARK && { mark: process.env.MARK } }));
});
server.listen(Number(process.env.PORT ?? ${PORT}), "127.0.0.1");
process.on("SIGTERM", () => process.exit(0));
`;
const DOCKERFILE = `FROM node:7
ADD app.js /app.js
ENTRYPOINT ["node", "app.js"]
`;

describe.runIf(ready)("an HTTP server on node:7", () => {
  let folder = "";
  let registry: DockerRegistry;
  let proxy: RecordingProxy;
  let appDir = "";
  let cliStore = "";
  let digest = "";
  let firstPush: RecordedRequest[];

  const buildAndPush = (tag: string, ...more: string[]): Promise<string> =>
    ocibuild(
      [
        ...["-t", `${proxy.host}/team/app:${tag}`, "--registry-mirror", `docker.io=${proxy.url}`, "--push"],
        ...["--root", cliStore, ...more, "."],
      ],
      { cwd: appDir },
    );

  beforeAll(async () => {
    folder = makeOwnFolder("node-app");
    registry = await startDockerRegistry();
    proxy = await startRecordingProxy(registry.host);
    const base = join(folder, "base");
    mkdirSync(join(base, "root"), { recursive: true });
    writeBusybox(join(base, "root"));
    writeNode(join(base, "root"));
    const dockerfile =
      'FROM scratch\nCOPY root/ /\nENV PATH=/usr/local/bin:/usr/bin:/bin MARK=base\nCMD ["node"]\nLABEL base=node\n';
    await build({
      context: base,
      dockerfile,
      tags: [`${proxy.host}/library/node:7`],
      push: true,
      root: join(folder, "base-store"),
    });
    appDir = join(folder, "app");
    cliStore = join(folder, "cli-store");
    mkdirSync(appDir);
    writeFiles(appDir, { Dockerfile: DOCKERFILE, "app.js": APP });
    proxy.take();
    digest = await buildAndPush("1");
    firstPush = proxy.take();
  });
  afterAll(async () => {
    await proxy?.[Symbol.asyncDispose]();
    await registry?.stop();
    removeOwnFolder(folder);
  });

  it("is built and pushed by the command line, which prints the digest alone", async () => {
    expect(digest).toMatch(/^sha256:[0-9a-f]{64}$/);
    await using client = createRegistryClient();
    const source = registrySource(client, parseReference(`${proxy.host}/team/app:1`));
    const { descriptor } = await source.fetchManifest("1");
    expect(descriptor.digest).toBe(digest);
    const { images } = await validateImage(source, descriptor);
    expect(images).toHaveLength(1);
    expect(images[0]!.layers).toHaveLength(2);
    expect(images[0]!.config.config).toMatchObject({
      Entrypoint: ["node", "app.js"],
      Env: ["PATH=/usr/local/bin:/usr/bin:/bin", "MARK=base"],
      Labels: { base: "node" },
    });
    // The base image's command means nothing any more.
    expect(images[0]!.config.config).not.toHaveProperty("Cmd");
  });

  it("takes the base image's layers from the other repository of the registry instead of sending them", () => {
    expect(firstPush.filter(({ path, status }) => path.includes("mount=") && status === 201)).toHaveLength(1);
    const sent = firstPush.reduce((sum, { sentBytes }) => sum + sentBytes, 0);
    expect(sent).toBeLessThan(100_000);
  });

  it("sends nothing but the manifest when it is pushed again", async () => {
    proxy.take();
    expect(await buildAndPush("1")).toBe(digest);
    const requests = proxy.take();
    expect(requests.filter(({ path }) => path.includes("/uploads/"))).toEqual([]);
    expect(requests.filter(({ method }) => method !== "HEAD" && method !== "GET")).toHaveLength(1);
  });

  it("has the same digest from the API as from the command line", async () => {
    const reproducible = await buildAndPush("2", "--reproducible", "--no-cache");
    const built = await build({
      context: appDir,
      tags: [`${proxy.host}/team/api:1`],
      registryMirrors: [`docker.io=${proxy.url}`],
      push: true,
      reproducible: true,
      root: join(folder, "api-store"),
    });
    expect(built.digest).toBe(reproducible);
    expect((await built.readFile("/app.js")).toString()).toBe(APP);
    await using client = createRegistryClient();
    const source = registrySource(client, parseReference(`${proxy.host}/team/api:1`));
    await validateImage(source, built.descriptor);
  });

  it.runIf(withDockerd)("is pulled and run by dockerd, and answers on its port", async () => {
    await using daemon = await startDockerd({ insecureRegistry: proxy.host });
    const image = `${proxy.host}/team/app:1`;
    expect(await daemon.docker(["pull", image])).toContain(digest);
    const port = await usablePort();
    await daemon.docker(["run", "-d", "--name", "app", "--network", "host", ...portOption(port), image]);
    expect(await answerOf(port, () => daemon.docker(["logs", "app"]))).toEqual(expectedAnswer);
    await daemon.docker(["stop", "app"]);
    expect(await daemon.docker(["inspect", "--format", "{{.State.ExitCode}}", "app"])).toBe("0\n");
  });

  it.runIf(withPodman)("is pulled and run by podman without privileges, and answers on its port", async () => {
    await using user = makeOrdinaryUser();
    await using podman = makePodman({ user });
    await runWithPodman(podman.podman);
  });

  it.runIf(withPodman && withDockerd)("is pulled and run by podman as root, and answers on its port", async () => {
    await using podman = makePodman();
    await runWithPodman(podman.podman);
  });

  const runWithPodman = async (podman: (args: readonly string[]) => Promise<string>): Promise<void> => {
    const image = `${proxy.host}/team/app:1`;
    await podman(["pull", "--quiet", "--tls-verify=false", image]);
    expect((await podman(["image", "inspect", "--format", "{{.Digest}}", image])).trim()).toBe(digest);
    const port = await usablePort();
    await podman(["run", "-d", "--name", "app", ...portOption(port), image]);
    expect(await answerOf(port, () => podman(["logs", "app"]))).toEqual(expectedAnswer);
    await podman(["stop", "app"]);
    expect(await podman(["inspect", "--format", "{{.State.ExitCode}}", "app"])).toBe("0\n");
  };
});

const expectedAnswer = { path: "/hello", node: process.version, script: "/app.js", mark: "base" };

/** 8080, or a free one where somebody else has it. */
function usablePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    const listen = (port: number): void => void server.listen(port, "127.0.0.1");
    server.once("error", () => {
      server.once("error", reject);
      listen(0);
    });
    server.once("listening", () => {
      const { port } = server.address() as { readonly port: number };
      server.close(() => resolve(port));
    });
    listen(PORT);
  });
}

function portOption(port: number): string[] {
  return port === PORT ? [] : ["-e", `PORT=${port}`];
}

/** What the server says, as soon as it says anything. */
async function answerOf(port: number, logs: () => Promise<string>): Promise<unknown> {
  for (const deadline = Date.now() + 30_000; ; await delay(50)) {
    try {
      const response = await fetch(`http://127.0.0.1:${port}/hello`);
      return await response.json();
    } catch (error) {
      if (Date.now() > deadline) throw new Error(`no answer from port ${port}: ${await logs()}`, { cause: error });
    }
  }
}
