/** Builds a case with our own code and describes what came of it. */
import { accessSync, constants, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type Server } from "node:net";
import { tmpdir } from "node:os";
import { basename, dirname, join } from "node:path";
import { type Built, runBuild } from "../../src/build.js";
import { openStore, type Store } from "../../src/cache/store.js";
import { isOcibuildError } from "../../src/errors.js";
import type { TaskOutcome } from "../../src/events.js";
import type { Executor } from "../../src/executor/contract.js";
import { decodeLayerIndex } from "../../src/layers/layer-index.js";
import { LayerStore } from "../../src/layers/layer-store.js";
import type { DiffId } from "../../src/oci/digest.js";
import type { Image } from "../../src/oci/types.js";
import type { BuildOptions, NamedContextInput } from "../../src/options.js";
import type { RunOptions } from "../../src/pipeline/run-options.js";
import { addBaseImage } from "./base-image.js";
import { MissingRequirement } from "./bytes.js";
import type { CaseContext, CaseOptions, ConformanceCase } from "./cases.js";
import type { Actual, ActualImage } from "./compare.js";
import { describeChanges, describeLayer } from "./flatten.js";
import { materialise } from "./materialise.js";
import { serveCase } from "./serve.js";

export type RunMode = "fresh" | "again";

/** What it takes to run the cases with RUN. */
export interface RunCommands {
  readonly executor: string | Executor;
  /** The program that the base image consists of. */
  readonly busybox: Buffer;
}

/** What all cases share: a store with the base image, and a folder for their files. */
export class CaseRunner implements AsyncDisposable {
  readonly #mode: RunMode;
  readonly #folder: string;
  readonly #store: Store;
  readonly #layers: LayerStore;
  readonly #base: DiffId;
  readonly #commands: RunCommands | undefined;
  #count = 0;

  private constructor(mode: RunMode, folder: string, store: Store, base: DiffId, commands: RunCommands | undefined) {
    this.#commands = commands;
    this.#mode = mode;
    this.#folder = folder;
    this.#store = store;
    this.#layers = new LayerStore(store);
    this.#base = base;
  }

  /** @param mode `again`: every case is built twice, the second time from what the first left */
  static async create(mode: RunMode = "fresh", commands?: RunCommands): Promise<CaseRunner> {
    const parent = commands === undefined ? fastFolder() : tmpdir();
    const folder = mkdtempSync(join(parent, "ocibuild-conformance-"));
    const store = await openStore(join(folder, "store"));
    const busybox = commands?.busybox ?? Buffer.from("stands for a program: nothing is run\n");
    return new CaseRunner(mode, folder, store, await addBaseImage(store, busybox), commands);
  }

  /** @throws MissingRequirement */
  async run(conformanceCase: ConformanceCase): Promise<Actual> {
    if (conformanceCase.requires.includes("network") && process.env["OCIBUILD_NETWORK_TESTS"] === undefined) {
      throw new MissingRequirement("it asks Docker Hub: set OCIBUILD_NETWORK_TESTS=1 to let it");
    }
    if (process.getuid?.() !== 0 && hasUnreadableFile(conformanceCase)) {
      throw new MissingRequirement("it has a file that only root can read");
    }
    const folder = join(this.#folder, String(this.#count++));
    try {
      if (!conformanceCase.requires.includes("http") && !conformanceCase.requires.includes("git")) {
        return await this.#build(conformanceCase, folder);
      }
      await using server = await serveCase(conformanceCase, join(folder, "served"));
      const actual = await this.#build(fillIn(conformanceCase, server.values), folder);
      return turnBack(actual, server.values);
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  }

  async #build(conformanceCase: ConformanceCase, folder: string): Promise<Actual> {
    const { dockerfile, context, options } = conformanceCase;
    const contextFolder = join(folder, "context");
    mkdirSync(contextFolder, { recursive: true, mode: 0o755 });
    const dockerfileFolder = options.dockerfileOutside === true ? join(folder, "dockerfile") : contextFolder;
    const name = options.dockerfileName ?? "Dockerfile";
    mkdirSync(dirname(join(dockerfileFolder, name)), { recursive: true, mode: 0o755 });
    materialise(contextFolder, context);
    if (options.dockerfileEntries !== undefined) materialise(dockerfileFolder, options.dockerfileEntries);
    if (dockerfile !== undefined) writeFileSync(join(dockerfileFolder, name), dockerfile, { mode: 0o644 });
    const closing: Server[] = [];
    try {
      const { target, buildArgs, labels, platform, rewriteTimestamp } = options;
      const buildOptions: BuildOptions = {
        ...this.#commonOptions(contextFolder),
        ...(dockerfileFolder === contextFolder && options.dockerfileName === undefined
          ? {}
          : { file: join(dockerfileFolder, name) }),
        ...(target === undefined ? {} : { target }),
        ...(buildArgs === undefined ? {} : { buildArgs }),
        ...(labels === undefined ? {} : { labels }),
        ...(platform === undefined ? {} : { platforms: platform.split(",") }),
        ...(await this.#runOptions(options, folder, closing)),
        buildContexts: await this.#namedContexts(options.buildContexts ?? {}, folder),
        outputs: [rewriteTimestamp === true ? "type=image,rewrite-timestamp=true" : "type=image"],
      };
      let built = await runBuild(buildOptions);
      if (this.#mode === "again") built = await buildAgain(buildOptions, built);
      return { result: "ok", images: await this.#describe(conformanceCase, built) };
    } catch (error) {
      if (!isOcibuildError(error)) throw error;
      return { result: "error", message: error.message, line: error.location?.line };
    } finally {
      for (const server of closing) server.close();
    }
  }

  async #runOptions(
    options: CaseOptions,
    folder: string,
    closing: Server[],
  ): Promise<RunOptions & Pick<BuildOptions, "secrets">> {
    const { secrets = {}, ssh = [], addHosts, network, shmSize, ulimit, allow } = options;
    const sockets: Record<string, string> = {};
    for (const id of ssh) {
      const agent = createServer();
      closing.push(agent);
      sockets[id] = join(folder, `agent-${id}`);
      await new Promise<void>((resolve) => agent.listen(sockets[id], resolve));
    }
    const values = Object.entries(secrets).map(([id, value]) => [
      id,
      typeof value === "string" ? value : Buffer.from(value.base64, "base64"),
    ]);
    return {
      secrets: Object.fromEntries(values),
      ssh: sockets,
      ...(addHosts === undefined ? {} : { addHosts }),
      ...(network === undefined ? {} : { network }),
      ...(shmSize === undefined ? {} : { shmSize: Number(shmSize) }),
      ...(ulimit === undefined ? {} : { ulimits: ulimit }),
      ...(allow === undefined ? {} : { allow }),
    };
  }

  #commonOptions(context: string): BuildOptions {
    return {
      context,
      root: this.#store.root,
      cwd: this.#folder,
      dockerConfigDir: this.#folder,
      compression: { kind: "uncompressed" },
      // A layer of another case may have the same key: times, which cases may pin, are no part of it.
      noCache: this.#mode === "fresh",
      executor: this.#commands?.executor ?? "none",
    };
  }

  async #namedContexts(
    contexts: Readonly<Record<string, CaseContext>>,
    folder: string,
  ): Promise<Record<string, NamedContextInput>> {
    const named: Record<string, NamedContextInput> = {};
    for (const [at, [name, context]] of Object.entries(contexts).entries()) {
      const place = join(folder, `context-${at}`);
      mkdirSync(place, { recursive: true, mode: 0o755 });
      if (!("ref" in context) && !("image" in context)) {
        materialise(place, context);
        named[name] = place;
      } else if ("ref" in context) {
        named[name] = `docker-image://${context.ref}`;
      } else {
        const { dockerfile, context: entries } = context.image;
        materialise(place, entries ?? []);
        const tag = `built.example/${basename(folder)}-${at}:1`;
        await runBuild({ ...this.#commonOptions(place), dockerfile, tags: [tag] });
        named[name] = `docker-image://${tag}`;
      }
    }
    return named;
  }

  async #describe({ expected }: ConformanceCase, built: Built): Promise<ActualImage[]> {
    const described: ActualImage[] = [];
    for (const [at, image] of built.images.entries()) {
      const wanted = expected.result !== "ok" ? undefined : "platforms" in expected ? expected.platforms[at] : expected;
      described.push(await this.#describeImage(image, wanted?.base === "busybox" ? [this.#base] : []));
    }
    return described;
  }

  async #describeImage(image: Image, base: readonly DiffId[]): Promise<ActualImage> {
    const diffIds = image.config.rootfs.diff_ids;
    const before = await this.#layers.tree(base, {});
    const after = await this.#layers.tree(diffIds, {});
    const { architecture, os, variant, author, created, config, history } = image.config;
    const aboveBase = startsWith(diffIds, base) ? base.length : 0;
    return {
      architecture,
      os,
      ...(variant === undefined ? {} : { variant }),
      ...(image.config["os.version"] === undefined ? {} : { "os.version": image.config["os.version"] }),
      ...(author === undefined ? {} : { author }),
      ...(created === undefined ? {} : { created }),
      // As others read them.
      config: JSON.parse(JSON.stringify(config ?? {})),
      history: JSON.parse(JSON.stringify((history ?? []).slice(aboveBase))),
      layers: diffIds.slice(aboveBase).map((diffId) => describeLayer(this.#indexOf(diffId))),
      rootfs: describeChanges(before, after),
    };
  }

  #indexOf(diffId: DiffId): ReturnType<typeof decodeLayerIndex> & object {
    return decodeLayerIndex(this.#store.layers.readIndex(diffId)!)!;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#layers[Symbol.dispose]();
    try {
      rmSync(this.#folder, { recursive: true, force: true });
    } catch (error) {
      // An ordinary user cannot remove what subordinate ids own: the scores count all the same.
      if (this.#commands === undefined || process.getuid?.() === 0) throw error;
      process.stderr.write(`${this.#folder} could not be removed: ${String(error)}\n`);
    }
  }
}

/** Builds from records, and makes sure of that. */
async function buildAgain(options: BuildOptions, first: Built): Promise<Built> {
  const outcomes = new Map<string, TaskOutcome>();
  const built = await runBuild({
    ...options,
    onEvent: (event) => {
      if (event.type === "task-finished" && event.id.includes("#")) outcomes.set(event.id, event.outcome);
    },
  });
  const missed = [...outcomes].flatMap(([id, outcome]) => (outcome === "cached" ? [] : id));
  if (missed.length > 0) throw new Error(`built again, these steps found no record: ${missed.join(", ")}`);
  if (built.digest !== first.digest) throw new Error(`built again, ${first.digest} became ${built.digest}`);
  return built;
}

/** A store waits for the disk thousands of times here: where Linux has a file system in memory, it takes a third. */
function fastFolder(): string {
  try {
    accessSync("/dev/shm", constants.W_OK);
    return "/dev/shm";
  } catch {
    return tmpdir();
  }
}

function startsWith(diffIds: readonly DiffId[], base: readonly DiffId[]): boolean {
  return base.every((diffId, at) => diffIds[at] === diffId);
}

/** Placeholders → values. */
function fillIn(conformanceCase: ConformanceCase, values: ReadonlyMap<string, string>): ConformanceCase {
  const { dockerfile, options } = conformanceCase;
  const replace = (text: string): string =>
    [...values].reduce((result, [placeholder, value]) => result.replaceAll(placeholder, value), text);
  return {
    ...conformanceCase,
    dockerfile: dockerfile && Buffer.from(replace(dockerfile.toString("latin1")), "latin1"),
    options: JSON.parse(replace(JSON.stringify(options))),
  };
}

/** Values → placeholders. */
function turnBack(actual: Actual, values: ReadonlyMap<string, string>): Actual {
  let text = JSON.stringify(actual);
  for (const [placeholder, value] of values) text = text.replaceAll(value, placeholder);
  return JSON.parse(text);
}

function hasUnreadableFile({ context }: ConformanceCase): boolean {
  return context.some(
    ({ type, mode }) => type === "file" && mode !== undefined && (Number.parseInt(mode, 8) & 0o400) === 0,
  );
}
