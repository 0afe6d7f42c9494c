/**
 * Docker's own registry as a child process on a free loopback port, with storage that is gone afterwards.
 *
 * Needs the program `docker-registry` (Debian package of that name), and `htpasswd` (apache2-utils) for users.
 */
import { execFileSync, spawn } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { type AddressInfo, connect, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";

export interface DockerRegistryOptions {
  /** Name → password: demands basic authentication. */
  readonly users?: Readonly<Record<string, string>>;
  /** Serves TLS with these PEM texts. */
  readonly tls?: { readonly key: string; readonly cert: string };
  /** Demands bearer tokens from this token server, signed with a certificate (PEM) as it names them. */
  readonly tokens?: {
    readonly realm: string;
    readonly service: string;
    readonly issuer: string;
    readonly certificate: string;
  };
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
  const { tls, tokens } = options;
  if (tls !== undefined) {
    const [certificate, key] = [join(folder, "tls.crt"), join(folder, "tls.key")];
    writeFileSync(certificate, tls.cert);
    writeFileSync(key, tls.key, { mode: 0o600 });
    lines[3] = `http: {addr: ${JSON.stringify(host)}, secret: "only for tests", tls: ${JSON.stringify({ certificate, key })}}`;
  }
  if (tokens !== undefined) {
    const rootcertbundle = join(folder, "tokens.crt");
    writeFileSync(rootcertbundle, tokens.certificate);
    const { realm, service, issuer } = tokens;
    lines.push(`auth: {token: ${JSON.stringify({ realm, service, issuer, rootcertbundle })}}`);
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

  const url = `${tls === undefined ? "http" : "https"}://${host}`;
  let over = false;
  void ended.then(() => {
    over = true;
  });
  for (const deadline = Date.now() + START_TIMEOUT_MS; !(await answers(host)); await delay(50)) {
    if (!over && Date.now() < deadline) continue;
    await stop();
    throw new Error(`docker-registry did not start: ${log}`);
  }
  return { host, url, folder, stop, [Symbol.asyncDispose]: stop };
}

/** Whether somebody listens: what they speak is the test's business. */
function answers(host: string): Promise<boolean> {
  const [name, port] = host.split(":");
  return new Promise((resolve) => {
    const socket = connect(Number(port), name, () => {
      socket.destroy();
      resolve(true);
    });
    socket.once("error", () => resolve(false));
  });
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
