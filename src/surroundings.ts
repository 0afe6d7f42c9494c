/**
 * What every piece of work begins with: the store and the registries as the options, the environment and the clock have
 * them. Nothing below this reads any of these.
 */
import { setMaxListeners } from "node:events";
import { homedir } from "node:os";
import { join, resolve } from "node:path";
import { openStore, type Store, type StoreOptions } from "./cache/store.js";
import { parseSize } from "./dockerfile/size.js";
import { OcibuildError } from "./errors.js";
import type { OnEvent } from "./events.js";
import { RegistryAccess } from "./pipeline/registry-access.js";
import type { RegistryEnvironment } from "./registry/environment.js";
import { VERSION } from "./version.js";

export interface SurroundingsOptions {
  /** What relative paths are relative to; the process's current folder unless given. */
  readonly cwd?: string;
  /** Folder of the store; `$OCIBUILD_ROOT` or `$XDG_DATA_HOME/ocibuild` unless given. */
  readonly root?: string;
  /** Most bytes of the store; `$OCIBUILD_STORE_LIMIT` unless given. */
  readonly storeLimit?: number;
  /** `HOST=URL`: where images of a registry are looked for first. */
  readonly registryMirrors?: readonly string[];
  /** Hosts that plain HTTP and unknown certificates are allowed for. */
  readonly insecureRegistries?: readonly string[];
  /** Folder of docker's `config.json`; `$DOCKER_CONFIG` or `~/.docker` unless given. */
  readonly dockerConfigDir?: string;
  readonly onEvent?: OnEvent;
  readonly signal?: AbortSignal;
}

export interface BaseSurroundings extends AsyncDisposable {
  readonly cwd: string;
  /** Folder of the store. */
  readonly root: string;
  readonly store: Store;
  readonly registries: RegistryAccess;
  /** What of the surroundings registries are reached with. */
  readonly registryEnvironment: RegistryEnvironment;
  /** Where programs are looked for: PATH. */
  readonly searchPath: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly onEvent: OnEvent;
  /** Milliseconds since 1970. */
  readonly startedMs: number;
  /** Milliseconds since the start. */
  readonly nowMs: () => number;
  readonly signal: AbortSignal;
}

/** A store that is open, and the folder that it turned out to be in. */
export interface OpenedStore extends Disposable {
  readonly store: Store;
  readonly root: string;
}

/**
 * Opens the store (by `open`, which may give another one), and keeps others from removing what is used of it; registries are
 * asked later.
 * @throws STORE_UNUSABLE, OPTIONS_INVALID, the signal's reason
 */
export async function openBase(
  options: SurroundingsOptions,
  open: (root: string, options: StoreOptions) => Promise<OpenedStore> = openPlain,
): Promise<BaseSurroundings> {
  const startedMs = Date.now();
  const cwd = options.cwd ?? process.cwd();
  const onEvent: OnEvent = options.onEvent ?? (() => {});
  const signal = AbortSignal.any(options.signal === undefined ? [] : [options.signal]);
  // Every request and every step listens for the end of the work.
  setMaxListeners(0, signal);
  signal.throwIfAborted();
  const wanted = resolve(cwd, options.root ?? process.env["OCIBUILD_ROOT"] ?? defaultRoot());
  const onWarning = (message: string): void => void onEvent({ type: "warning", message });
  const opened = await open(wanted, {
    limitBytes: options.storeLimit ?? limitOf(process.env["OCIBUILD_STORE_LIMIT"]) ?? "usual",
    onWarning,
  });
  const { root, store } = opened;
  store.use.begin();
  const environment = registryEnvironment(options, cwd);
  const registries = new RegistryAccess({
    mirrors: options.registryMirrors ?? [],
    insecure: options.insecureRegistries ?? [],
    environment,
    userAgent: `ocibuild/${VERSION}`,
    onWarning,
  });
  return {
    cwd,
    root,
    store,
    registries,
    registryEnvironment: environment,
    searchPath: process.env["PATH"] ?? "",
    env: process.env,
    onEvent,
    startedMs,
    nowMs: () => Date.now() - startedMs,
    signal,
    [Symbol.asyncDispose]: async () => {
      await registries[Symbol.asyncDispose]();
      opened[Symbol.dispose]();
    },
  };
}

async function openPlain(root: string, options: StoreOptions): Promise<OpenedStore> {
  const store = await openStore(root, options);
  return { store, root, [Symbol.dispose]: () => store.close() };
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

function registryEnvironment({ dockerConfigDir }: SurroundingsOptions, cwd: string): RegistryEnvironment {
  const uid = process.getuid?.();
  return {
    env: process.env,
    homeDir: homedir(),
    ...(uid === undefined ? {} : { uid }),
    ...(dockerConfigDir === undefined ? {} : { dockerConfigDir: resolve(cwd, dockerConfigDir) }),
  };
}
