/**
 * OpenStack Swift, whose S3 interface checks signatures and digests by code of its own, on a free loopback port with storage
 * that is gone afterwards, also when the tests are killed.
 *
 * Needs Debian's package python3-swift, which installs no service, and a folder for temporary files with extended attributes.
 */
import { spawn, spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { setTimeout as delay } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { type AwsCredentials, EMPTY_PAYLOAD, encodeS3Path, signS3 } from "../../src/shared-cache/s3-signature.js";
import type { TestBucket } from "./s3-cache-suite.js";
import { requireFound } from "./tools.js";

export interface SwiftServer extends AsyncDisposable {
  /** `127.0.0.1:port`. */
  readonly host: string;
  readonly port: number;
  readonly url: string;
  /** A new bucket of the writer's. */
  openBucket(): Promise<TestBucket>;
  /** Ends the process and removes its storage. Idempotent. */
  stop(): Promise<void>;
}

/** May do everything with the buckets. */
export const WRITER: AwsCredentials = { accessKeyId: "canary:writer", secretAccessKey: "canary/secret+of=the/writer" };
/** May list the buckets that the server was started with, and read what is in them. */
export const READER: AwsCredentials = { accessKeyId: "canary:reader", secretAccessKey: "canary/secret+of=the/reader" };
/** Requests are signed for it. */
export const REGION = "test-north-1";
/** `BUCKET.s3.test` are hosts of buckets, for whoever finds the way. */
export const DOMAIN = "s3.test";

/** Debian's, which finds Debian's packages, whatever is first on PATH. */
const PYTHON = "/usr/bin/python3";
const SCRIPT = fileURLToPath(new URL("swift-server.py", import.meta.url));
const ACCOUNT = `AUTH_${WRITER.accessKeyId.split(":")[0]}`;
const START_TIMEOUT_MS = 30_000;
const STOP_TIMEOUT_MS = 10_000;

/** As `requireTool`. */
export function requireSwift(): boolean {
  const found = spawnSync(PYTHON, ["-c", "import swift.common.middleware.s3api"], { stdio: "ignore" }).status === 0;
  return requireFound(found ? [] : ["OpenStack Swift (python3-swift)"]);
}

/** Starts a server with these buckets, and waits until it answers. */
export async function startSwift(buckets: readonly string[]): Promise<SwiftServer> {
  const folder = mkdtempSync(join(tmpdir(), "ocibuild-swift-"));
  const acl = { "X-Container-Read": READER.accessKeyId };
  const spec = {
    region: REGION,
    domain: DOMAIN,
    users: {
      [WRITER.accessKeyId.replace(":", "_")]: `${WRITER.secretAccessKey} .admin`,
      [READER.accessKeyId.replace(":", "_")]: READER.secretAccessKey,
    },
    containers: Object.fromEntries(buckets.map((bucket) => [`${ACCOUNT}/${bucket}`, acl])),
  };
  const child = spawn(PYTHON, [SCRIPT, folder], { stdio: ["pipe", "pipe", "pipe"] });
  let log = "";
  child.stderr.on("data", (chunk: Buffer) => {
    log = (log + chunk.toString("utf8")).slice(-4000);
  });
  // One that is over takes no input; that it is over is what is told.
  child.stdin.on("error", () => {});
  child.stdin.write(`${JSON.stringify(spec)}\n`);
  const ended = new Promise<void>((resolve) => {
    child.once("error", (error) => {
      log += String(error);
      resolve();
    });
    child.once("close", () => resolve());
  });
  const stop = async (): Promise<void> => {
    child.stdin.end();
    const killed = setTimeout(() => child.kill("SIGKILL"), STOP_TIMEOUT_MS);
    await ended;
    clearTimeout(killed);
    rmSync(folder, { recursive: true, force: true });
  };
  const line = new Promise<string>((resolve) => createInterface(child.stdout).once("line", resolve));
  const port = await Promise.race([line, ended, delay(START_TIMEOUT_MS, undefined, { ref: false })]);
  if (port === undefined) {
    child.kill("SIGKILL");
    await stop();
    throw new Error(`OpenStack Swift did not start: ${log}`);
  }
  const host = `127.0.0.1:${port}`;
  const url = `http://${host}`;
  let number = 0;
  return {
    host,
    port: Number(port),
    url,
    openBucket: () => openBucket(url, `bucket-${number++}`),
    stop,
    [Symbol.asyncDispose]: stop,
  };
}

async function openBucket(url: string, bucket: string): Promise<TestBucket> {
  const send = (method: string, key: string, query?: string, body?: Buffer): Promise<Buffer> =>
    ask(method, new URL(`${url}${encodeS3Path(`/${bucket}${key}`)}${query ?? ""}`), body);
  await send("PUT", "");
  return {
    url,
    region: REGION,
    bucket,
    account: WRITER,
    unknownKeyCode: "SignatureDoesNotMatch",
    async keys() {
      const list = (await send("GET", "", "?list-type=2")).toString("utf8");
      return [...list.matchAll(/<Key>([^<]*)<\/Key>/g)].map(([, key]) => plain(key!));
    },
    read: (key) => send("GET", `/${key}`),
    write: async (key, bytes) => void (await send("PUT", `/${key}`, undefined, bytes)),
    remove: async (key) => void (await send("DELETE", `/${key}`)),
    // It goes with its server.
    async [Symbol.asyncDispose]() {},
  };
}

/** @throws Error with what the server said unless it did it */
async function ask(method: string, url: URL, body?: Buffer): Promise<Buffer> {
  const payloadHash = body === undefined ? EMPTY_PAYLOAD : createHash("sha256").update(body).digest("hex");
  const scope = { region: REGION, credentials: WRITER, timeMs: Date.now() };
  const { authorization, headers } = signS3({ method, url, headers: {}, payloadHash }, scope);
  const response = await fetch(url, { method, headers: { ...headers, authorization }, body: body ?? null });
  const answer = Buffer.from(await response.arrayBuffer());
  if (!response.ok) throw new Error(`${method} ${url} was answered with ${response.status}: ${answer}`);
  return answer;
}

/** Text of XML. */
function plain(text: string): string {
  const entities: Readonly<Record<string, string>> = { lt: "<", gt: ">", quot: '"', apos: "'", amp: "&" };
  return text.replaceAll(/&(\w+);/g, (whole, name: string) => entities[name] ?? whole);
}
