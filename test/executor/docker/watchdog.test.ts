/** What is left of a builder that was killed, seen by an engine that is a server of the test's own. */
import { spawn } from "node:child_process";
import { writeFileSync } from "node:fs";
import { createServer } from "node:https";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { Watchdog } from "../../../src/executor/docker/watchdog.js";
import { selfSignedCertificate } from "../../support/certificate.js";
import { bundleScript } from "../../support/child.js";
import { tempFolder } from "../../support/temp-folder.js";

const SCRIPT = join(import.meta.dirname, "../../support/watchdog-script.ts");

/** An engine that has one thing of each kind, until it is told to remove it. */
async function engineDouble() {
  const certificate = selfSignedCertificate();
  const there = new Set(["/containers/c1", "/volumes/v1", "/images/i1"]);
  const asked: string[] = [];
  const server = createServer(certificate, (request, response) => {
    const url = new URL(request.url!, "https://engine");
    asked.push(`${request.method} ${url.pathname}`);
    const listed = (path: string, entry: object): object[] => (there.has(path) ? [entry] : []);
    const lists: Readonly<Record<string, unknown>> = {
      "/containers/json": listed("/containers/c1", { Id: "c1" }),
      "/volumes": { Volumes: listed("/volumes/v1", { Name: "v1" }) },
      "/images/json": listed("/images/i1", { Id: "i1" }),
    };
    const filters = url.searchParams.get("filters") ?? "";
    const isOurs = /"label":\["ocibuild\.session=[0-9a-f]{32}"\]/.test(filters);
    if (request.method === "DELETE") there.delete(url.pathname);
    response.end(JSON.stringify(isOurs ? lists[url.pathname] : {}));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => void server.close());
  const origin = `https://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return { origin, ca: certificate.cert, there, asked };
}

test("K12: when the builder is killed, all that it owns in the engine is killed and removed, over TLS too", async () => {
  const { origin, ca, there, asked } = await engineDouble();
  const folder = tempFolder();
  writeFileSync(join(folder, "ca.pem"), ca);
  const script = await bundleScript(SCRIPT, folder);
  const builder = spawn(process.execPath, [script, origin, join(folder, "ca.pem")], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  onTestFinished(() => void builder.kill("SIGKILL"));
  await new Promise((resolve) => builder.stdout.once("data", resolve));
  expect(asked).toEqual([]);
  builder.kill("SIGKILL");
  await expect.poll(() => there.size, { timeout: 15_000 }).toBe(0);
  expect(asked.slice(0, 3)).toEqual(["GET /containers/json", "POST /kill/c1", "DELETE /containers/c1"]);
});

test("when the executor is closed, the engine is not asked for anything", async () => {
  const { origin, ca, asked } = await engineDouble();
  const watchdog = new Watchdog({ origin, tls: { ca: Buffer.from(ca), verify: true } }, undefined, {});
  await watchdog[Symbol.asyncDispose]();
  expect(asked).toEqual([]);
});
