/** The program that speaks to a builder, and its words: `docker buildx`, or `buildctl` where BUILDKIT_HOST is set. */
import { join } from "node:path";
import { findProgram } from "../../util/find-program.js";
import { Child, collectText } from "../kit/child.js";

export type Environment = Readonly<Record<string, string | undefined>>;

export interface BuildClient {
  readonly kind: "buildx" | "buildctl";
  readonly command: readonly string[];
  /** What the program gets of our environment: where the builder is. */
  readonly env: Readonly<Record<string, string>>;
}

/** An image in the layout, by the name that the Dockerfile gives it. */
export interface NamedImage {
  readonly name: string;
  readonly digest: string;
}

export interface BuildRequest {
  /** Has the Dockerfile, and nothing else. */
  readonly folder: string;
  /** An OCI layout with the images. */
  readonly layout: string;
  readonly images: readonly NamedImage[];
  /** Gets the result as an OCI layout. */
  readonly output: string;
  readonly platform: string;
  readonly network: "default" | "none" | "host";
  readonly hostname: string;
  readonly hosts: readonly { readonly address: string; readonly name: string }[];
  readonly shmSizeBytes: number | undefined;
  readonly ulimits: readonly { readonly name: string; readonly soft: number; readonly hard: number }[];
  /** Where the client finds each: `env=NAME` or `src=PATH`. */
  readonly secrets: readonly { readonly id: string; readonly source: string }[];
  readonly agents: readonly { readonly id: string; readonly path: string }[];
  /** Entitlements. */
  readonly allow: readonly string[];
}

const PASSED =
  /^(?:HOME|PATH|USER|TMPDIR|XDG_[A-Z_]+|DOCKER_[A-Z_]+|BUILDX_[A-Z_]+|BUILDKIT_[A-Z_]+|KUBECONFIG|SSL_CERT_(?:FILE|DIR)|SSH_AUTH_SOCK|(?:https?|no|HTTPS?|NO)_(?:proxy|PROXY))$/;

/** buildctl has no variable of its own for that. */
export const TLS_DIR = "OCIBUILD_BUILDKIT_TLS_DIR";

/** The client that the environment asks for; `undefined` when it is not installed. */
export function findClient(env: Environment): BuildClient | undefined {
  const kind = (env["BUILDKIT_HOST"] ?? "") === "" ? "buildx" : "buildctl";
  const name = kind === "buildx" ? "docker" : "buildctl";
  const found = findProgram(name, { searchPath: env["PATH"] ?? "", outside: [] });
  if (found === undefined) return undefined;
  const tlsDir = env[TLS_DIR] ?? "";
  const passed = Object.entries(env).filter(([key, value]) => value !== undefined && PASSED.test(key));
  return {
    kind,
    command:
      kind === "buildx" ? [found.path, "buildx"] : [found.path, ...(tlsDir === "" ? [] : [`--tlsdir=${tlsDir}`])],
    env: Object.fromEntries(passed) as Record<string, string>,
  };
}

export function buildArguments({ kind }: BuildClient, request: BuildRequest): readonly string[] {
  return kind === "buildx" ? buildxArguments(request) : buildctlArguments(request);
}

/** A layer as it is: nothing else of the result is used. */
function outputValue({ output }: BuildRequest): string {
  return csv(["type=oci", "tar=false", "compression=uncompressed", `dest=${output}`]);
}

function buildxArguments(request: BuildRequest): readonly string[] {
  const { folder, layout, images, platform, network, hostname, hosts, shmSizeBytes, ulimits, secrets, agents } =
    request;
  return [
    "build",
    "--progress=rawjson",
    "--provenance=false",
    "--sbom=false",
    `--platform=${platform}`,
    `--network=${network}`,
    `--build-arg=BUILDKIT_SANDBOX_HOSTNAME=${hostname}`,
    ...request.allow.map((entitlement) => `--allow=${entitlement}`),
    ...hosts.map(({ name, address }) => `--add-host=${name}:${address}`),
    ...(shmSizeBytes === undefined ? [] : [`--shm-size=${shmSizeBytes}`]),
    ...ulimits.map(({ name, soft, hard }) => `--ulimit=${name}=${soft}:${hard}`),
    ...secrets.map(({ id, source }) => `--secret=${csv([`id=${id}`, source])}`),
    ...agents.map(({ id, path }) => `--ssh=${id}=${path}`),
    ...images.map(({ name, digest }) => `--build-context=${name}=oci-layout://${layout}@${digest}`),
    `--output=${outputValue(request)}`,
    `--file=${join(folder, "Dockerfile")}`,
    folder,
  ];
}

function buildctlArguments(request: BuildRequest): readonly string[] {
  const { folder, layout, images, platform, network, hostname, hosts, shmSizeBytes, ulimits, secrets, agents } =
    request;
  const options: readonly string[] = [
    `platform=${platform}`,
    ...(network === "default" ? [] : [`force-network-mode=${network}`]),
    `build-arg:BUILDKIT_SANDBOX_HOSTNAME=${hostname}`,
    ...(hosts.length === 0 ? [] : [`add-hosts=${hosts.map(({ name, address }) => `${name}=${address}`).join(",")}`]),
    ...(shmSizeBytes === undefined ? [] : [`shm-size=${shmSizeBytes}`]),
    ...(ulimits.length === 0
      ? []
      : [`ulimit=${ulimits.map(({ name, soft, hard }) => `${name}=${soft}:${hard}`).join(",")}`]),
    ...images.map(({ name, digest }) => `context:${name}=oci-layout://layers@${digest}`),
  ];
  return [
    "build",
    "--progress=rawjson",
    "--frontend=dockerfile.v0",
    `--local=context=${folder}`,
    `--local=dockerfile=${folder}`,
    `--oci-layout=layers=${layout}`,
    ...request.allow.map((entitlement) => `--allow=${entitlement}`),
    ...options.map((option) => `--opt=${option}`),
    ...secrets.map(({ id, source }) => `--secret=${csv([`id=${id}`, source])}`),
    ...agents.map(({ id, path }) => `--ssh=${id}=${path}`),
    `--output=${outputValue(request)}`,
  ];
}

/** Fields as one record, quoted where one needs it. */
export function csv(fields: readonly string[]): string {
  return fields.map((field) => (/[",\n\r]/.test(field) ? `"${field.replaceAll('"', '""')}"` : field)).join(",");
}

/** What a short command of the client prints; `undefined` when it fails. */
export async function ask(
  { command, env }: BuildClient,
  args: readonly string[],
  signal: AbortSignal | undefined,
): Promise<{ readonly code: number | null; readonly stdout: string; readonly stderr: string }> {
  const child = new Child([...command, ...args], { stdio: ["ignore", "pipe", "pipe"], env, signal });
  const [stdout, stderr] = [collectText(child.output()), collectText(child.process.stderr!)];
  const { code } = await child.ended;
  signal?.throwIfAborted();
  return { code, stdout: stdout(), stderr: stderr() };
}
