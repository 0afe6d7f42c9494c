/** The options about RUN as `BuildOptions`: `--secret`, `--ssh`, `--network` and the like, as docker means them. */
import { resolve } from "node:path";
import { parseCsv } from "../dockerfile/csv.js";
import { parseSize } from "../dockerfile/size.js";
import type { BuildOptions } from "../options.js";
import { allowed, executionSettings } from "../pipeline/run-options.js";
import type { SecretInput } from "../pipeline/secrets.js";
import { optionError } from "./option-error.js";
import type { BuildRequest } from "./options/build-request.js";

interface Surroundings {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly cwd: string;
}

type RunPart = Pick<
  BuildOptions,
  "executor" | "secrets" | "ssh" | "network" | "allow" | "addHosts" | "shmSize" | "ulimits"
>;

/** @throws OPTIONS_INVALID */
export function readRunOptions(request: BuildRequest, surroundings: Surroundings): RunPart {
  const { executor, allow, addHosts, ulimits } = request;
  const options: RunPart = {
    ...(executor === undefined ? {} : { executor }),
    ...(request.secrets.length === 0 ? {} : { secrets: secrets(request.secrets, surroundings) }),
    ...(request.ssh.length === 0 ? {} : { ssh: agents(request.ssh, surroundings) }),
    ...network(request.network),
    ...(allow.length === 0 ? {} : { allow }),
    ...(addHosts.length === 0 ? {} : { addHosts }),
    ...shmSize(request.shmSize),
    ...(ulimits.length === 0 ? {} : { ulimits }),
  };
  // What is wrong is said before anything is opened.
  allowed(options);
  executionSettings(options);
  return options;
}

function secrets(texts: readonly string[], surroundings: Surroundings): Record<string, SecretInput> {
  return Object.fromEntries(texts.map((text) => secret(text, surroundings)));
}

/** `id=ID[,type=file|env][,src=FILE][,env=VARIABLE]`. Without a source: the variable `ID`, else the file `ID`. */
function secret(text: string, { env, cwd }: Surroundings): [string, SecretInput] {
  const expected = "Expected id=NAME[,src=FILE|,env=VARIABLE].";
  const fields = parseCsv(text);
  // The text may hold a secret by mistake, so it is not repeated.
  if (!Array.isArray(fields)) throw optionError("--secret", `--secret cannot be read: ${fields.problem}`, expected);
  const found = new Map<string, string>();
  for (const field of fields) {
    const equals = field.indexOf("=");
    const key = equals === -1 ? "" : field.slice(0, equals).toLowerCase();
    if (!["id", "type", "src", "source", "env"].includes(key)) {
      throw optionError("--secret", `--secret has a part that is none of id, src, env and type`, expected);
    }
    found.set(key === "source" ? "src" : key, field.slice(equals + 1));
  }
  const id = found.get("id") ?? "";
  const type = found.get("type") ?? "";
  if (id === "") throw optionError("--secret", "--secret names no id", expected);
  if (!["", "file", "env"].includes(type)) {
    throw optionError("--secret", `secret "${id}" has the type "${type}", expected file or env`);
  }
  const src = found.get("src");
  const variable = found.get("env") ?? (type === "env" ? (src ?? id) : undefined);
  if (variable !== undefined) return [id, { env: variable }];
  if (src === undefined && type === "" && Object.hasOwn(env, id)) return [id, { env: id }];
  return [id, { file: resolve(cwd, src ?? id) }];
}

/** `default`, `ID` or `ID=SOCKET`. */
function agents(texts: readonly string[], { env, cwd }: Surroundings): Record<string, string> {
  const found = new Map<string, string>();
  for (const text of texts) {
    const equals = text.indexOf("=");
    const id = equals === -1 ? text : text.slice(0, equals);
    const socket = equals === -1 ? (env["SSH_AUTH_SOCK"] ?? "") : text.slice(equals + 1);
    if (id === "") throw optionError("--ssh", `"--ssh ${text}" expected ID[=SOCKET]`);
    if (socket === "") {
      const hint = 'Start one with "eval $(ssh-agent)" and ssh-add, or say --ssh ID=SOCKET.';
      throw optionError("--ssh", `"--ssh ${text}" expected an agent but SSH_AUTH_SOCK is not set`, hint);
    }
    found.set(id, resolve(cwd, socket));
  }
  return Object.fromEntries(found);
}

function network(text: string | undefined): Pick<RunPart, "network"> {
  if (text === undefined) return {};
  if (text === "default" || text === "none" || text === "host") return { network: text };
  throw optionError("--network", `"--network ${text}" expected default, none or host`);
}

function shmSize(text: string | undefined): Pick<RunPart, "shmSize"> {
  if (text === undefined) return {};
  const bytes = parseSize(text);
  if (bytes !== undefined && Number.isSafeInteger(bytes)) return { shmSize: bytes };
  throw optionError("--shm-size", `"--shm-size ${text}" expected a size`, "For example 128m.");
}
