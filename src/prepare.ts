/**
 * What a build and the calls that only look at it begin with: the world around them (environment, clock, current folder),
 * the store, the registries, the build context and the Dockerfile.
 */
import { setMaxListeners } from "node:events";
import { homedir } from "node:os";
import { join, resolve } from "node:path";
import type { Readable } from "node:stream";
import type { Store } from "./cache/store.js";
import type { OpenedContext } from "./context/open-context.js";
import { parseDockerfile } from "./dockerfile/parse.js";
import { parseBool } from "./dockerfile/parse-bool.js";
import { parseSize } from "./dockerfile/size.js";
import { type Diagnostic, OcibuildError } from "./errors.js";
import type { OnEvent } from "./events.js";
import { hostPlatform } from "./oci/platform.js";
import type { BuildOptions } from "./options.js";
import { type BuildStore, openBuildStore } from "./pipeline/build-store.js";
import { Contexts } from "./pipeline/contexts.js";
import { ImageSources } from "./pipeline/image-sources.js";
import { projectId } from "./pipeline/project.js";
import { RegistryAccess } from "./pipeline/registry-access.js";
import { RemoteSources } from "./pipeline/remote-sources.js";
import { Secrets } from "./pipeline/secrets.js";
import type { TargetInput } from "./plan/open-target.js";
import type { RegistryEnvironment } from "./registry/environment.js";
import { locate, type SourceText } from "./util/source-text.js";
import { VERSION } from "./version.js";

export interface Surroundings extends AsyncDisposable {
  readonly cwd: string;
  /** Folder of the store. */
  readonly root: string;
  readonly store: Store;
  /** As in `BuildStore`. */
  readonly instead: BuildStore["instead"];
  readonly registries: RegistryAccess;
  readonly remote: RemoteSources;
  readonly secrets: Secrets;
  readonly onEvent: OnEvent;
  /** Milliseconds since 1970. */
  readonly startedMs: number;
  /** Milliseconds since the start. */
  readonly nowMs: () => number;
  /** Where programs are looked for: PATH. */
  readonly searchPath: string;
  readonly signal: AbortSignal;
}

/** Opens the store; registries are asked later. @throws STORE_UNUSABLE, the signal's reason */
export async function openSurroundings(options: BuildOptions): Promise<Surroundings> {
  const startedMs = Date.now();
  const cwd = options.cwd ?? process.cwd();
  const onEvent: OnEvent = options.onEvent ?? (() => {});
  const signal = AbortSignal.any(options.signal === undefined ? [] : [options.signal]);
  // Every request and every step listens for the end of the build.
  setMaxListeners(0, signal);
  signal.throwIfAborted();
  const wanted = resolve(cwd, options.root ?? process.env["OCIBUILD_ROOT"] ?? defaultRoot());
  const limitBytes = options.storeLimit ?? limitOf(process.env["OCIBUILD_STORE_LIMIT"]) ?? "usual";
  const buildStore = await openBuildStore(wanted, {
    limitBytes,
    onWarning: (message) => onEvent({ type: "warning", message }),
  });
  const { root, store } = buildStore;
  store.use.begin();
  const registries = new RegistryAccess({
    mirrors: options.registryMirrors ?? [],
    insecure: options.insecureRegistries ?? [],
    environment: registryEnvironment(options, cwd),
    userAgent: `ocibuild/${VERSION}`,
  });
  const nowMs = (): number => Date.now() - startedMs;
  const secrets = new Secrets(options.secrets ?? {}, { cwd, env: process.env });
  const sshAgent = new Map(Object.entries(options.ssh ?? {})).get("default");
  const remote = new RemoteSources({ store, env: process.env, secret: secrets.read, sshAgent, onEvent, nowMs });
  return {
    cwd,
    root,
    store,
    instead: buildStore.instead,
    registries,
    remote,
    secrets,
    onEvent,
    startedMs,
    nowMs,
    searchPath: process.env["PATH"] ?? "",
    signal,
    [Symbol.asyncDispose]: async () => {
      await remote[Symbol.asyncDispose]();
      await registries[Symbol.asyncDispose]();
      buildStore[Symbol.dispose]();
    },
  };
}

/** The Dockerfile, and all that planning asks. */
export interface Front extends AsyncDisposable {
  readonly contexts: Contexts;
  readonly main: OpenedContext;
  readonly source: SourceText;
  readonly sources: ImageSources;
  readonly input: TargetInput;
  /** Identifies what is built from where. */
  readonly project: string;
}

/** Opens the build context and reads the Dockerfile. @throws CONTEXT_…, DOCKERFILE_…, OPTIONS_INVALID */
export async function openFront(surroundings: Surroundings, options: BuildOptions): Promise<Front> {
  const { store, cwd, startedMs, signal, registries, remote, onEvent, nowMs } = surroundings;
  const stdin = (): Readable => options.stdin ?? process.stdin;
  const contexts = new Contexts({
    store,
    cwd,
    stdin,
    startedMs,
    remote,
    modes: options.contextModes ?? "keep",
    signal,
  });
  try {
    const { context, file, dockerfile } = options;
    const keepGitDir = parseBool(options.buildArgs?.["BUILDKIT_CONTEXT_KEEP_GIT_DIR"] ?? "") ?? false;
    const main = await contexts.openMain({ context, file, dockerfile, keepGitDir });
    const ast = parseDockerfile({ name: main.dockerfile.name, text: main.dockerfile.text });
    const { client, hosts } = registries;
    const sources = new ImageSources({ store, client, hosts, pull: options.pull ?? false, onEvent, nowMs });
    const named = Object.entries(options.buildContexts ?? {});
    const input: TargetInput = {
      dockerfile: ast,
      buildPlatform: hostPlatform(),
      ...(options.target === undefined ? {} : { target: options.target }),
      buildArgs: new Map(Object.entries(options.buildArgs ?? {})),
      namedContexts: new Map(named.map(([name, value]) => [name, contexts.addNamed(name, value)])),
      resolver: sources,
      ...(main.ignoreFile === undefined ? {} : { ignore: main.ignoreFile.matcher }),
      signal,
    };
    return {
      contexts,
      main,
      source: ast.source,
      sources,
      input,
      project: projectId(main, { ...options, cwd }),
      [Symbol.asyncDispose]: () => contexts[Symbol.asyncDispose](),
    };
  } catch (error) {
    await contexts[Symbol.asyncDispose]();
    throw error;
  }
}

/** Tells of a warning about `source`. */
export function warningEvent(source: SourceText, diagnostic: Diagnostic): Parameters<OnEvent>[0] {
  const { message, span } = diagnostic;
  return { type: "warning", message, diagnostic, location: locate(source, span) };
}

/** `10GB`, as the environment has it. @throws OPTIONS_INVALID */
function limitOf(text: string | undefined): number | undefined {
  if (text === undefined || text === "") return undefined;
  const bytes = parseSize(text);
  if (bytes !== undefined) return bytes;
  throw new OcibuildError("OPTIONS_INVALID", `OCIBUILD_STORE_LIMIT expected a size but got "${text}"`, {
    details: { option: "OCIBUILD_STORE_LIMIT" },
    hint: "For example 50GB.",
  });
}

function defaultRoot(): string {
  return join(process.env["XDG_DATA_HOME"] || join(homedir(), ".local", "share"), "ocibuild");
}

/** What of the surroundings registries are reached with. */
function registryEnvironment({ dockerConfigDir }: BuildOptions, cwd: string): RegistryEnvironment {
  const uid = process.getuid?.();
  return {
    env: process.env,
    homeDir: homedir(),
    ...(uid === undefined ? {} : { uid }),
    ...(dockerConfigDir === undefined ? {} : { dockerConfigDir: resolve(cwd, dockerConfigDir) }),
  };
}
