/**
 * Docker's own registry as a child process on a free loopback port, with storage that is gone afterwards.
 *
 * Needs the program `docker-registry` (Debian package of that name), and `htpasswd` (apache2-utils) for users.
 */
import { execFileSync, spawn } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { type AddressInfo, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";

export interface DockerRegistryOptions {
  /** Name → password: demands basic authentication. */
  readonly users?: Readonly<Record<string, string>>;
}

export interface DockerRegistry extends AsyncDisposable {
  /** `127.0.0.1:port`, as in image references. */
  readonly host: string;
  readonly url: string;
  /** Folder of this registry's configuration; it goes with the registry. */
  readonly folder: string;
  /** Ends the process and removes its storage. Idempotent. */
  stop(): Promise<void>;
}

const START_TIMEOUT_MS = 20_000;

/** Starts a registry and waits until it answers. */
export async function startDockerRegistry(options: DockerRegistryOptions = {}): Promise<DockerRegistry> {
  const folder = mkdtempSync(join(tmpdir(), "ocibuild-registry-"));
  const host = `127.0.0.1:${await freePort()}`;
  const configFile = join(folder, "config.yml");
  const lines = [
    "version: 0.1",
    "log: {level: error, accesslog: {disabled: true}}",
    `storage: {filesystem: {rootdirectory: ${JSON.stringify(join(folder, "data"))}}, delete: {enabled: true}}`,
    `http: {addr: ${JSON.stringify(host)}, secret: "only for tests"}`,
  ];
  if (options.users !== undefined) {
    const passwords = join(folder, "htpasswd");
    const entries = Object.entries(options.users).map(([name, password]) =>
      execFileSync("htpasswd", ["-niB", name], { input: password, encoding: "utf8" }).trim(),
    );
    writeFileSync(passwords, `${entries.join("\n")}\n`);
    lines.push(`auth: {htpasswd: {realm: test, path: ${JSON.stringify(passwords)}}}`);
  }
  writeFileSync(configFile, `${lines.join("\n")}\n`);

  const child = spawn("docker-registry", ["serve", configFile], { stdio: ["ignore", "ignore", "pipe"] });
  let log = "";
  child.stderr.on("data", (chunk: Buffer) => {
    log = (log + chunk.toString("utf8")).slice(-4000);
  });
  const ended = new Promise<void>((resolve) => {
    child.once("error", (error) => {
      log += String(error);
      resolve();
    });
    child.once("close", () => resolve());
  });
  const killWithUs = (): void => void child.kill("SIGKILL");
  process.once("exit", killWithUs);
  const stop = async (): Promise<void> => {
    process.removeListener("exit", killWithUs);
    child.kill("SIGKILL");
    await ended;
    rmSync(folder, { recursive: true, force: true });
  };

  const url = `http://${host}`;
  let over = false;
  void ended.then(() => {
    over = true;
  });
  for (const deadline = Date.now() + START_TIMEOUT_MS; !(await answers(url)); await delay(50)) {
    if (!over && Date.now() < deadline) continue;
    await stop();
    throw new Error(`docker-registry did not start: ${log}`);
  }
  return { host, url, folder, stop, [Symbol.asyncDispose]: stop };
}

async function answers(url: string): Promise<boolean> {
  try {
    const response = await fetch(`${url}/v2/`);
    await response.arrayBuffer();
    return response.status === 200 || response.status === 401;
  } catch {
    return false;
  }
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once("error", reject);
    server.listen(0, "127.0.0.1", () => {
      const { port } = server.address() as AddressInfo;
      server.close(() => resolve(port));
    });
  });
}
