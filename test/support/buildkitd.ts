/** A BuildKit daemon of the test's own, with the network of the machine: `buildkitd`, `buildctl` and `runc`, as root. */
import { spawn } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import type { Builder } from "./buildkit-executor-suite.js";
import { selfSignedCertificate } from "./certificate.js";
import { Daemon } from "./daemon.js";
import { requireRoot } from "./ordinary-user.js";
import { makeOwnFolder, removeOwnFolder } from "./own-folder.js";
import { tryProgram } from "./program.js";
import { haveTool, requireTool } from "./tools.js";

const STOP_TIMEOUT_MS = 20_000;
const START_TIMEOUT_MS = 30_000;

/** No Debian has these programs: where they are missing the tests are skipped loudly, in CI too. */
export function haveBuildkitd(): boolean {
  if (!haveTool("buildkitd") || !haveTool("buildctl")) {
    process.stderr.write("\n!!! SKIPPED: no buildkitd and buildctl on PATH; the tests that need them do not run\n");
    return false;
  }
  return requireRoot() && requireTool("runc");
}

/** Starts a daemon that listens on a socket, on TCP, or on TCP for who shows a certificate, and waits until it answers. */
export async function startBuildkitd(listen: "unix" | "tcp" | "tls"): Promise<Builder> {
  const folder = makeOwnFolder("buildkitd");
  const address = listen === "unix" ? `unix://${join(folder, "s")}` : `tcp://127.0.0.1:${await freePort()}`;
  const certificates = join(folder, "tls");
  const settings = join(folder, "buildkitd.toml");
  writeFileSync(settings, "");
  const tls: string[] = [];
  if (listen === "tls") {
    const { key, cert } = selfSignedCertificate();
    mkdirSync(certificates);
    for (const [name, text] of Object.entries({ "ca.pem": cert, "cert.pem": cert, "key.pem": key })) {
      writeFileSync(join(certificates, name), text);
    }
    const path = (name: string): string => join(certificates, name);
    tls.push("--tlscacert", path("ca.pem"), "--tlscert", path("cert.pem"), "--tlskey", path("key.pem"));
  }
  const child = spawn(
    "buildkitd",
    [
      ...["--config", settings, "--root", join(folder, "root"), "--addr", address, ...tls],
      ...["--containerd-worker=false", "--oci-worker-net=host", "--allow-insecure-entitlement=network.host"],
    ],
    { stdio: ["ignore", "ignore", "pipe"] },
  );
  const daemon = new Daemon("buildkitd", child);
  const stop = async (): Promise<void> => {
    await daemon.stop(STOP_TIMEOUT_MS);
    removeOwnFolder(folder);
  };
  const env = {
    PATH: process.env["PATH"] ?? "",
    HOME: folder,
    BUILDKIT_HOST: address,
    ...(listen === "tls" ? { OCIBUILD_BUILDKIT_TLS_DIR: certificates } : {}),
  };
  const asked = listen === "tls" ? ["--tlsdir", certificates] : [];
  const answers = async (): Promise<boolean> =>
    (await tryProgram("buildctl", [...asked, "debug", "workers"], { env })).code === 0;
  await daemon.started(START_TIMEOUT_MS, answers, stop);
  return { env, [Symbol.asyncDispose]: stop };
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once("error", reject);
    server.listen(0, "127.0.0.1", () => {
      const { port } = server.address() as { port: number };
      server.close(() => resolve(port));
    });
  });
}
