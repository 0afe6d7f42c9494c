/**
 * What a build and the calls that only look at it begin with: the world around them (environment, clock, current folder),
 * the store, the registries, the build context and the Dockerfile.
 */
import type { Readable } from "node:stream";
import type { OpenedContext } from "./context/open-context.js";
import { parseDockerfile } from "./dockerfile/parse.js";
import { parseBool } from "./dockerfile/parse-bool.js";
import type { Diagnostic } from "./errors.js";
import type { OnEvent } from "./events.js";
import { hostPlatform } from "./oci/platform.js";
import type { BuildOptions } from "./options.js";
import { type BuildStore, openBuildStore } from "./pipeline/build-store.js";
import { Contexts } from "./pipeline/contexts.js";
import { ImageSources } from "./pipeline/image-sources.js";
import { projectId } from "./pipeline/project.js";
import { RemoteSources } from "./pipeline/remote-sources.js";
import { Secrets } from "./pipeline/secrets.js";
import type { TargetInput } from "./plan/open-target.js";
import { type BaseSurroundings, openBase } from "./surroundings.js";
import { locate, type SourceText } from "./util/source-text.js";

export interface Surroundings extends BaseSurroundings {
  /** As in `BuildStore`. */
  readonly instead: BuildStore["instead"];
  readonly remote: RemoteSources;
  readonly secrets: Secrets;
}

/** Opens the store; registries are asked later. @throws STORE_UNUSABLE, the signal's reason */
export async function openSurroundings(options: BuildOptions): Promise<Surroundings> {
  let instead: BuildStore["instead"];
  const base = await openBase(options, async (root, storeOptions) => {
    const opened = await openBuildStore(root, storeOptions);
    instead = opened.instead;
    return opened;
  });
  const { cwd, env, store, onEvent, nowMs } = base;
  const secrets = new Secrets(options.secrets ?? {}, { cwd, env });
  const sshAgent = new Map(Object.entries(options.ssh ?? {})).get("default");
  const remote = new RemoteSources({ store, env, secret: secrets.read, sshAgent, onEvent, nowMs });
  return {
    ...base,
    instead,
    remote,
    secrets,
    [Symbol.asyncDispose]: async () => {
      await remote[Symbol.asyncDispose]();
      await base[Symbol.asyncDispose]();
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
