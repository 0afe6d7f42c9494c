/**
 * The examples with RUN on real bases, built as root and as an ordinary user, run by dockerd and podman. Needs debootstrap,
 * a mirror of Debian, and the registry of npm.
 */
import { copyFileSync, cpSync, mkdirSync, readFileSync, realpathSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { dirname, join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type DockerRegistry, startDockerRegistry } from "../support/docker-registry.js";
import { type Dockerd, startDockerd } from "../support/dockerd.js";
import { ocibuild } from "../support/ocibuild.js";
import { makeOrdinaryUser, type OrdinaryUser, requireOrdinaryUser, requireRoot } from "../support/ordinary-user.js";
import { makeOwnFolder, removeOwnFolder } from "../support/own-folder.js";
import { makePodman, type Podman } from "../support/podman.js";
import { runProgram } from "../support/program.js";
import { requireTool } from "../support/tools.js";

const TOOLS = ["debootstrap", "docker-registry", "dockerd", "docker", "podman", "newuidmap", "npm"] as const;
const EXAMPLES = fileURLToPath(new URL("../../examples/", import.meta.url));
const SECRET = "a-secret-that-must-not-stay";

describe.runIf(requireTool(...TOOLS) && requireRoot() && requireOrdinaryUser())("the examples with RUN", () => {
  let folder: string;
  let registry: DockerRegistry;
  let dockerd: Dockerd;
  let podman: Podman;
  let user: OrdinaryUser;

  const buildAs = (who: OrdinaryUser | undefined, name: string, context: string, ...more: string[]): Promise<string> =>
    ocibuild(
      [
        ...["--registry-mirror", `docker.io=${registry.url}`, "-t", `${registry.host}/${name}`, "--push", ...more],
        ...["--root", who === undefined ? join(folder, "store") : join(who.home, "store"), context],
      ],
      { cwd: who?.home ?? folder, ...(who === undefined ? {} : { user: who }) },
    );

  beforeAll(async () => {
    folder = makeOwnFolder("examples");
    registry = await startDockerRegistry();
    dockerd = await startDockerd({ insecureRegistry: registry.host });
    podman = makePodman();
    user = makeOrdinaryUser();
    const debian = join(folder, "debian");
    mkdirSync(debian);
    await runProgram("debootstrap", ["--variant=minbase", "bookworm", join(debian, "root")]);
    const tar = ["--numeric-owner", "--exclude=./dev/*", "-cf", "root.tar", "-C", "root", "."];
    await runProgram("tar", tar, { cwd: debian });
    writeFileSync(join(debian, "Dockerfile"), 'FROM scratch\nADD root.tar /\nCMD ["bash"]\n');
    writeFileSync(join(debian, ".dockerignore"), "root\n");
    await buildAs(undefined, "library/debian:bookworm", debian, "-t", `${registry.host}/library/ubuntu:latest`);
    await buildAs(undefined, "library/node:14", nodeBase(join(folder, "node")));
  }, 600_000);

  afterAll(async () => {
    await podman?.stop();
    await dockerd?.stop();
    await registry?.stop();
    await user?.[Symbol.asyncDispose]();
    removeOwnFolder(folder);
  });

  /** What both engines write when they run the image. */
  const outputs = async (name: string, ...command: string[]): Promise<string[]> => {
    const image = `${registry.host}/${name}`;
    await dockerd.docker(["pull", "--quiet", image]);
    await podman.podman(["pull", "--quiet", "--tls-verify=false", image]);
    return [
      await dockerd.docker(["run", "--rm", "--network", "host", image, ...command]),
      await podman.run([image, ...command]),
    ];
  };

  describe.each(["root", "an ordinary user"])("built by %s", (who) => {
    const builder = (): OrdinaryUser | undefined => (who === "root" ? undefined : user);
    const tag = who === "root" ? "root" : "user";

    it("git: what apt-get installs answers in the image", async () => {
      await buildAs(builder(), `git:${tag}`, join(EXAMPLES, "git"));
      for (const text of await outputs(`git:${tag}`, "git", "version")) expect(text).toMatch(/^git version 2\./);
    });

    it("python-venv: a shell-form entry point finds the environment", async () => {
      await buildAs(builder(), `python:${tag}`, join(EXAMPLES, "python-venv"));
      for (const text of await outputs(`python:${tag}`)) expect(text).toBe("hello from /venv/bin/python\n");
    });

    it("c-multistage: compiles with a cache and a secret, of which nothing stays", async () => {
      const secret = join(folder, "secret");
      writeFileSync(secret, SECRET, { mode: 0o644 });
      await buildAs(builder(), `c:${tag}`, join(EXAMPLES, "c-multistage"), "--secret", `id=token,src=${secret}`);
      const said = `compiled with a secret of ${SECRET.length} bytes, run by 65534\n`;
      for (const text of await outputs(`c:${tag}`)) expect(text).toBe(said);
      const archive = join(folder, `c-${tag}.tar`);
      await dockerd.docker(["save", "-o", archive, `${registry.host}/c:${tag}`]);
      expect(readFileSync(archive).includes(SECRET)).toBe(false);
    });

    it("express: npm install, and a server that answers", async () => {
      await buildAs(builder(), `express:${tag}`, join(EXAMPLES, "express"));
      const image = `${registry.host}/express:${tag}`;
      await dockerd.docker(["pull", "--quiet", image]);
      await podman.podman(["pull", "--quiet", "--tls-verify=false", image]);
      for (const engine of [
        { run: ["run", "-d", "--network", "host"], call: dockerd.docker },
        { run: ["run", "-d"], call: podman.podman },
      ]) {
        const port = await freePort();
        const id = (await engine.call([...engine.run, "-e", `PORT=${port}`, image])).trim();
        expect(await answerOf(port)).toBe("Hello from express\n");
        await engine.call(["stop", id]);
        expect((await engine.call(["inspect", "--format", "{{.State.ExitCode}}", id])).trim()).toBe("0");
        await engine.call(["rm", id]);
      }
    });
  });
});

/** This machine's node and npm on Debian, with the certificates that this machine trusts. */
function nodeBase(folder: string): string {
  mkdirSync(folder);
  copyFileSync(realpathSync(process.execPath), join(folder, "node"));
  const npm = [
    join(dirname(process.execPath), "../lib/node_modules/npm"),
    "/usr/lib/node_modules/npm",
    "/usr/share/nodejs/npm",
  ].find((path) => realpathOf(path) !== undefined);
  cpSync(realpathOf(npm!)!, join(folder, "npm"), { recursive: true });
  writeFileSync(
    join(folder, "certificates"),
    readFileSync(process.env["NODE_EXTRA_CA_CERTS"] ?? "/etc/ssl/certs/ca-certificates.crt"),
  );
  writeFileSync(
    join(folder, "Dockerfile"),
    `FROM debian:bookworm
COPY --chmod=755 node /usr/local/bin/node
COPY npm /usr/local/lib/node_modules/npm
RUN ln -s ../lib/node_modules/npm/bin/npm-cli.js /usr/local/bin/npm && chmod 755 /usr/local/lib/node_modules/npm/bin/npm-cli.js
COPY certificates /etc/certificates
ENV NODE_EXTRA_CA_CERTS=/etc/certificates
CMD ["node"]
`,
  );
  return folder;
}

function realpathOf(path: string): string | undefined {
  try {
    return realpathSync(path);
  } catch {
    return undefined;
  }
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once("error", reject);
    server.listen(0, "127.0.0.1", () => {
      const { port } = server.address() as { readonly port: number };
      server.close(() => resolve(port));
    });
  });
}

/** What the server says, as soon as it says anything. */
async function answerOf(port: number): Promise<string> {
  for (const deadline = Date.now() + 30_000; ; await delay(50)) {
    try {
      return await (await fetch(`http://127.0.0.1:${port}/`)).text();
    } catch (error) {
      if (Date.now() > deadline) throw new Error(`no answer from port ${port}`, { cause: error });
    }
  }
}
