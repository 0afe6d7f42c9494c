/** Where the engine is: what the docker client would take, and Podman's sockets after that. */
import { createHash } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { PeerAddress } from "../../http/peer-client.js";
import { executorFailed } from "../kit/failures.js";
import { ClientConfigSchema, ContextSchema } from "./schemas.js";

export interface EngineAddress {
  readonly peer: PeerAddress;
  /** For messages. */
  readonly shown: string;
}

export type Environment = Readonly<Record<string, string | undefined>>;

const DOCKER = "docker";

/**
 * The address that `env` names by DOCKER_HOST or a context of the docker client; else the first socket that is there.
 * `undefined` where nothing is.
 * @throws EXECUTOR_FAILED for an address that cannot be used
 */
export function engineAddress(env: Environment): EngineAddress | undefined {
  const host = env["DOCKER_HOST"] ?? "";
  if (host !== "") return addressOf(host, "DOCKER_HOST", tlsOfEnvironment(env));
  const context = contextOf(env);
  if (context !== undefined) return contextAddress(env, context);
  const socket = usualSockets(env).find((path) => existsSync(path));
  return socket === undefined ? undefined : addressOf(`unix://${socket}`, "socket", undefined);
}

/** Sockets where engines usually listen, Docker's first. */
export function usualSockets(env: Environment): readonly string[] {
  const home = env["HOME"] ?? "";
  const runtime = env["XDG_RUNTIME_DIR"] ?? "";
  return [
    "/var/run/docker.sock",
    ...(home === "" ? [] : [join(home, ".docker/run/docker.sock")]),
    ...(runtime === "" ? [] : [join(runtime, "docker.sock")]),
    ...(runtime === "" ? [] : [join(runtime, "podman/podman.sock")]),
    "/run/podman/podman.sock",
  ];
}

function addressOf(host: string, from: string, tls: PeerAddress["tls"]): EngineAddress {
  const [, scheme = "", rest = ""] = /^([a-z]+):\/\/(.+)$/s.exec(host) ?? [];
  if (scheme === "unix") return { peer: { origin: "http://engine", socketPath: rest }, shown: host };
  if (scheme === "npipe") {
    return { peer: { origin: "http://engine", socketPath: rest.replaceAll("/", "\\") }, shown: host };
  }
  if (scheme === "tcp") {
    const port = tls === undefined ? 2375 : 2376;
    const url = URL.parse(`${tls === undefined ? "http" : "https"}://${rest}`);
    if (url !== null && url.pathname === "/" && url.search === "") {
      const withPort = /:\d+$/.test(rest.replace(/\/$/, "")) ? url.host : `${url.hostname}:${port}`;
      const origin = `${url.protocol}//${withPort}`;
      return { peer: { origin, ...(tls === undefined ? {} : { tls }) }, shown: host };
    }
  }
  if (scheme === "ssh") {
    throw executorFailed(
      DOCKER,
      `${from} "${host}" leads over ssh, which is not spoken here`,
      "Forward its socket (ssh -NL /tmp/engine.sock:/var/run/docker.sock HOST) and set DOCKER_HOST=unix:///tmp/engine.sock.",
    );
  }
  throw executorFailed(DOCKER, `${from} expected unix://PATH or tcp://HOST:PORT but got ${JSON.stringify(host)}`);
}

function tlsOfEnvironment(env: Environment): PeerAddress["tls"] {
  const verify = (env["DOCKER_TLS_VERIFY"] ?? "") !== "";
  if (!verify && (env["DOCKER_TLS"] ?? "") === "") return undefined;
  const folder = env["DOCKER_CERT_PATH"] ?? "";
  return tlsFiles(folder === "" ? configFolder(env) : folder, verify);
}

function tlsFiles(folder: string, verify: boolean): PeerAddress["tls"] {
  const read = (name: string): Buffer | undefined => {
    try {
      return readFileSync(join(folder, name));
    } catch {
      return undefined;
    }
  };
  const [ca, cert, key] = [read("ca.pem"), read("cert.pem"), read("key.pem")];
  return {
    verify,
    ...(ca === undefined ? {} : { ca }),
    ...(cert === undefined ? {} : { cert }),
    ...(key === undefined ? {} : { key }),
  };
}

function configFolder(env: Environment): string {
  const named = env["DOCKER_CONFIG"] ?? "";
  return named === "" ? join(env["HOME"] ?? "/", ".docker") : named;
}

/** The context that is not the default one. */
function contextOf(env: Environment): string | undefined {
  const named = env["DOCKER_CONTEXT"] ?? "";
  if (named !== "") return named === "default" ? undefined : named;
  try {
    const text = readFileSync(join(configFolder(env), "config.json"), "utf8");
    const { currentContext = "" } = ClientConfigSchema.parse(JSON.parse(text));
    return currentContext === "" || currentContext === "default" ? undefined : currentContext;
  } catch {
    return undefined;
  }
}

function contextAddress(env: Environment, name: string): EngineAddress {
  const id = createHash("sha256").update(name).digest("hex");
  const contexts = join(configFolder(env), "contexts");
  let text: string;
  try {
    text = readFileSync(join(contexts, "meta", id, "meta.json"), "utf8");
  } catch (cause) {
    throw executorFailed(DOCKER, `the docker context "${name}" is not there`, "See docker context ls.", cause);
  }
  let endpoint: { readonly Host: string; readonly SkipTLSVerify?: boolean | undefined } | undefined;
  try {
    endpoint = ContextSchema.parse(JSON.parse(text)).Endpoints.docker;
  } catch (cause) {
    throw executorFailed(DOCKER, `the docker context "${name}" cannot be read`, undefined, cause);
  }
  if (endpoint === undefined) throw executorFailed(DOCKER, `the docker context "${name}" names no engine`);
  const folder = join(contexts, "tls", id, "docker");
  const tls = existsSync(folder) ? tlsFiles(folder, endpoint.SkipTLSVerify !== true) : undefined;
  return addressOf(endpoint.Host, `the docker context "${name}"`, tls);
}
