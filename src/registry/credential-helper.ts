/**
 * Credential helpers: `docker-credential-NAME get|store|erase`, the server or JSON on standard input, JSON on standard output.
 *
 * A helper that is configured and fails is an error, never a reason to go on anonymously (CVE-2021-41092).
 */
import { spawn } from "node:child_process";
import { OcibuildError } from "../errors.js";
import type { Credentials } from "./credentials.js";

export interface HelperOptions {
  readonly signal?: AbortSignal;
  /** Environment of the helper; ours when absent. */
  readonly env?: NodeJS.ProcessEnv;
  readonly timeoutMs?: number;
}

const HELPER_NAME = /^[A-Za-z0-9][A-Za-z0-9._-]*$/;
const MAX_OUTPUT_BYTES = 1024 * 1024;
const TIMEOUT_MS = 30_000;
/** Helpers say so on standard output and exit with 1. */
const NOT_FOUND = "credentials not found";
/** Username that marks the secret as an identity token. */
const TOKEN_USERNAME = "<token>";

/**
 * Asks helper `name` for `server`; `undefined` when it knows none.
 * @throws REGISTRY_CREDENTIALS
 */
export async function askCredentialHelper(
  name: string,
  server: string,
  options: HelperOptions = {},
): Promise<Credentials | undefined> {
  const call: HelperCall = { name, server, verb: "get", input: server };
  const { exitCode, output } = await run(call, options);
  if (exitCode !== 0) {
    if (saysNotFound(output)) return undefined;
    throw failure(call, `it ended with exit code ${exitCode}`);
  }
  const { HelperReplySchema } = await import("./schemas.js");
  const reply = HelperReplySchema.safeParse(parseJson(output));
  if (!reply.success) throw failure(call, "its answer is not the JSON that was expected");
  const { Username: username, Secret: secret } = reply.data;
  if (username === TOKEN_USERNAME) return { kind: "identity-token", token: secret };
  return username === "" && secret === "" ? undefined : { kind: "basic", username, password: secret };
}

/**
 * Gives helper `name` the credentials for `server` to keep.
 * @throws REGISTRY_CREDENTIALS
 */
export async function storeInCredentialHelper(
  name: string,
  server: string,
  credentials: Credentials,
  options: HelperOptions = {},
): Promise<void> {
  const call = (input: string): HelperCall => ({ name, server, verb: "store", input });
  if (credentials.kind === "registry-token") throw failure(call(""), "helpers keep no registry tokens");
  const Username = credentials.kind === "basic" ? credentials.username : TOKEN_USERNAME;
  const Secret = credentials.kind === "basic" ? credentials.password : credentials.token;
  const store = call(JSON.stringify({ ServerURL: server, Username, Secret }));
  const { exitCode } = await run(store, options);
  if (exitCode !== 0) throw failure(store, `it ended with exit code ${exitCode}`);
}

/**
 * Makes helper `name` forget the credentials for `server`. Returns whether it knew any, as far as it tells.
 * @throws REGISTRY_CREDENTIALS
 */
export async function eraseFromCredentialHelper(
  name: string,
  server: string,
  options: HelperOptions = {},
): Promise<boolean> {
  const call: HelperCall = { name, server, verb: "erase", input: server };
  const { exitCode, output } = await run(call, options);
  if (exitCode === 0) return true;
  if (saysNotFound(output)) return false;
  throw failure(call, `it ended with exit code ${exitCode}`);
}

interface HelperCall {
  readonly name: string;
  readonly server: string;
  readonly verb: "get" | "store" | "erase";
  /** For its standard input. */
  readonly input: string;
}

const DID_NOT: Readonly<Record<HelperCall["verb"], string>> = {
  get: "gave no credentials",
  store: "did not keep the credentials",
  erase: "did not erase the credentials",
};

function saysNotFound(output: Buffer): boolean {
  return output.toString("utf8").toLowerCase().includes(NOT_FOUND);
}

async function run(
  call: HelperCall,
  { signal, env, timeoutMs = TIMEOUT_MS }: HelperOptions,
): Promise<{ exitCode: number; output: Buffer }> {
  signal?.throwIfAborted();
  if (!HELPER_NAME.test(call.name)) throw failure(call, "its name may only have letters, digits, '.', '_' and '-'");
  if (/[\0\r\n]/.test(call.server)) throw failure(call, "the server's name has a control character");
  return new Promise((resolve, reject) => {
    const child = spawn(`docker-credential-${call.name}`, [call.verb], {
      shell: false,
      windowsHide: true,
      stdio: ["pipe", "pipe", "ignore"],
      ...(env === undefined ? {} : { env }),
    });
    const chunks: Buffer[] = [];
    let size = 0;
    const finish = (settle: () => void): void => {
      clearTimeout(timer);
      signal?.removeEventListener("abort", onAbort);
      child.kill("SIGKILL");
      // A grandchild may hold the pipe open: not waited for.
      child.stdout.destroy();
      child.stdin.destroy();
      settle();
    };
    const onAbort = (): void => finish(() => reject(signal?.reason));
    const timer = setTimeout(
      () => finish(() => reject(failure(call, `it gave no answer within ${timeoutMs} ms`))),
      timeoutMs,
    );
    signal?.addEventListener("abort", onAbort, { once: true });
    child.on("error", (cause) => finish(() => reject(failure(call, "it could not be started", cause))));
    child.on("close", (code, killedBy) => {
      if (code === null) finish(() => reject(failure(call, `it was ended by ${killedBy}`)));
      else finish(() => resolve({ exitCode: code, output: Buffer.concat(chunks) }));
    });
    child.stdout.on("data", (chunk: Buffer) => {
      size += chunk.length;
      if (size > MAX_OUTPUT_BYTES) {
        finish(() => reject(failure(call, `its answer is longer than ${MAX_OUTPUT_BYTES} bytes`)));
      } else chunks.push(chunk);
    });
    // A helper that does not read its input is no problem by itself.
    child.stdin.on("error", () => {});
    child.stdin.end(call.input);
  });
}

function parseJson(bytes: Buffer): unknown {
  try {
    return JSON.parse(bytes.toString("utf8"));
  } catch {
    return undefined;
  }
}

function failure({ name, server, verb }: HelperCall, why: string, cause?: unknown): OcibuildError {
  const shown = HELPER_NAME.test(name) ? `docker-credential-${name}` : JSON.stringify(name.slice(0, 100));
  return new OcibuildError(
    "REGISTRY_CREDENTIALS",
    `credential helper "${shown}" ${DID_NOT[verb]} for ${JSON.stringify(server)}: ${why}`,
    {
      details: { host: server, helper: name.slice(0, 100) },
      hint: "Install or repair the helper, or remove it from credHelpers or credsStore in Docker's config.json.",
      ...(cause === undefined ? {} : { cause }),
    },
  );
}
