/**
 * Credential helpers: `docker-credential-NAME get` with the server on standard input, JSON on standard output.
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
  options.signal?.throwIfAborted();
  if (!HELPER_NAME.test(name)) throw failure(name, server, "its name may only have letters, digits, '.', '_' and '-'");
  if (/[\0\r\n]/.test(server)) throw failure(name, server, "the server's name has a control character");
  const { exitCode, output } = await run(name, server, options);
  if (exitCode !== 0) {
    if (output.toString("utf8").toLowerCase().includes(NOT_FOUND)) return undefined;
    throw failure(name, server, `it ended with exit code ${exitCode}`);
  }
  const { HelperReplySchema } = await import("./schemas.js");
  const reply = HelperReplySchema.safeParse(parseJson(output));
  if (!reply.success) throw failure(name, server, "its answer is not the JSON that was expected");
  const { Username: username, Secret: secret } = reply.data;
  if (username === TOKEN_USERNAME) return { kind: "identity-token", token: secret };
  return username === "" && secret === "" ? undefined : { kind: "basic", username, password: secret };
}

function run(
  name: string,
  server: string,
  { signal, env, timeoutMs = TIMEOUT_MS }: HelperOptions,
): Promise<{ exitCode: number; output: Buffer }> {
  return new Promise((resolve, reject) => {
    const child = spawn(`docker-credential-${name}`, ["get"], {
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
      () => finish(() => reject(failure(name, server, `it gave no answer within ${timeoutMs} ms`))),
      timeoutMs,
    );
    signal?.addEventListener("abort", onAbort, { once: true });
    child.on("error", (cause) => finish(() => reject(failure(name, server, "it could not be started", cause))));
    child.on("close", (code, killedBy) => {
      if (code === null) finish(() => reject(failure(name, server, `it was ended by ${killedBy}`)));
      else finish(() => resolve({ exitCode: code, output: Buffer.concat(chunks) }));
    });
    child.stdout.on("data", (chunk: Buffer) => {
      size += chunk.length;
      if (size > MAX_OUTPUT_BYTES) {
        finish(() => reject(failure(name, server, `its answer is longer than ${MAX_OUTPUT_BYTES} bytes`)));
      } else chunks.push(chunk);
    });
    // A helper that does not read its input is no problem by itself.
    child.stdin.on("error", () => {});
    child.stdin.end(server);
  });
}

function parseJson(bytes: Buffer): unknown {
  try {
    return JSON.parse(bytes.toString("utf8"));
  } catch {
    return undefined;
  }
}

function failure(name: string, server: string, why: string, cause?: unknown): OcibuildError {
  const shown = HELPER_NAME.test(name) ? `docker-credential-${name}` : JSON.stringify(name.slice(0, 100));
  return new OcibuildError(
    "REGISTRY_CREDENTIALS",
    `credential helper "${shown}" gave no credentials for ${JSON.stringify(server)}: ${why}`,
    {
      details: { host: server, helper: name.slice(0, 100) },
      hint: "Install or repair the helper, or remove it from credHelpers or credsStore in Docker's config.json.",
      ...(cause === undefined ? {} : { cause }),
    },
  );
}
