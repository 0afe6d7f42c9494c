/**
 * Hands each command to a BuildKit builder, wherever that is: the root file system goes as an OCI layout, RUN as a
 * Dockerfile of two lines, and the last layer comes back. docs/design/executor-buildkit.md says what a builder cannot do.
 */
import { createReadStream, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { decompress } from "../../compression/decompress.js";
import { formatPlatform, parsePlatform } from "../../oci/platform.js";
import type { Platform } from "../../oci/types.js";
import type { Executor, ExecutorProbe, RunIO, RunOutcome, RunSpec } from "../contract.js";
import { Child } from "../kit/child.js";
import { executorFailed } from "../kit/failures.js";
import { ROOT_IDS } from "../kit/id-space.js";
import { layerChangeset } from "../kit/layer-changeset.js";
import type { IndexView } from "../kit/layer-index.js";
import { addMountStubs, mountPlaces, sourcePlace } from "../kit/mount-places.js";
import { RootLayers } from "../kit/root-layers.js";
import { ScratchFolders } from "../kit/scratch-folders.js";
import { StubLayer } from "../kit/stub-layer.js";
import { assertCwd, assertSystemFolders, SYSTEM_FOLDERS } from "../kit/system-folders.js";
import { rewriteTar } from "../kit/tar-rewriter.js";
import {
  ask,
  type BuildClient,
  type BuildRequest,
  buildArguments,
  type Environment,
  findClient,
  TLS_DIR,
} from "./client.js";
import { LayoutFolder, type ResultLayer, resultLayer } from "./layout.js";
import { ProgressLog } from "./progress-log.js";
import { BUILDKIT, type RunInstruction, runInstruction } from "./run-instruction.js";
import { openMemory, type SecretSources, secretSources } from "./secret-sources.js";

export interface BuildkitExecutorOptions {
  /** Holds layers as builders get them, and what runs need; made 0700 when it is missing. */
  readonly stateDir: string;
  /** Where the builder is (BUILDKIT_HOST, BUILDX_BUILDER, DOCKER_HOST …) and PATH. Commands see nothing of it. */
  readonly env: Environment;
}

interface Workshop {
  readonly scratch: ScratchFolders;
  readonly memory: ScratchFolders | undefined;
  readonly roots: RootLayers;
  readonly layout: LayoutFolder;
}

/** The last five are those of tracing, which a BuildKit daemon gives every command. */
const ADDED_VARIABLES: readonly string[] = [
  "HOME",
  "HOSTNAME",
  "OTEL_TRACES_EXPORTER",
  "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT",
  "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL",
  "TRACEPARENT",
  "TRACESTATE",
];

/** An executor over the builder that `docker buildx` uses, or that BUILDKIT_HOST names. */
export function createBuildkitExecutor(options: BuildkitExecutorOptions): Executor {
  return new BuildkitExecutor(options);
}

class BuildkitExecutor implements Executor {
  readonly name = BUILDKIT;
  readonly #options: BuildkitExecutorOptions;
  readonly #live = new Set<() => Promise<void>>();
  #workshop: Promise<Workshop> | undefined;

  constructor(options: BuildkitExecutorOptions) {
    this.#options = options;
  }

  async probe({ signal }: { readonly signal?: AbortSignal } = {}): Promise<ExecutorProbe> {
    signal?.throwIfAborted();
    const client = findClient(this.#options.env);
    if (client === undefined) {
      const hint = "Install docker with buildx, or buildctl and set BUILDKIT_HOST.";
      return { usable: false, reason: "No client of BuildKit is installed.", hint };
    }
    const args = client.kind === "buildx" ? ["inspect"] : ["debug", "workers"];
    const { code, stdout, stderr } = await ask(client, args, signal);
    const platforms = platformsIn(stdout);
    if (code !== 0 || platforms.length === 0) {
      const hint =
        client.kind === "buildx"
          ? "See docker buildx ls."
          : `See buildctl debug workers; a builder that wants a certificate takes ${TLS_DIR}.`;
      return { usable: false, reason: `No builder answers: ${lastLine(stderr)}`, hint };
    }
    const problem = await this.#tryBuilder(client, platforms[0]!, signal);
    if (problem !== undefined) {
      const hint = "Take a builder that writes OCI layouts: docker buildx create --use, or Docker's containerd store.";
      return { usable: false, reason: `The builder cannot be used: ${problem}`, hint };
    }
    return {
      usable: true,
      note: "A builder keeps no more of what a command prints than its own limits allow.",
      capabilities: {
        boundary: "engine",
        platforms,
        mounts: ["bind", "cache", "tmpfs", "secret", "ssh", "file"],
        networks: ["default", "none", "host"],
        securities: ["sandbox", "insecure"],
        ids: "all",
        limits: true,
        addedVariables: ADDED_VARIABLES,
        additionalGroups: false,
        wholeOutput: false,
      },
    };
  }

  async run(spec: RunSpec, io: RunIO): Promise<RunOutcome> {
    io.signal.throwIfAborted();
    const client = findClient(this.#options.env);
    if (client === undefined) throw executorFailed(BUILDKIT, "no client of BuildKit is installed");
    const { scratch, memory, roots, layout } = await this.#open();
    const { view, layers: own } = await roots.prepare(spec.rootfs, io);
    assertCwd(view, spec.cwd, BUILDKIT);
    assertSystemFolders(view, BUILDKIT);
    const stubs = new StubLayer(view, BUILDKIT);
    for (const system of SYSTEM_FOLDERS) stubs.add(system, "dir");
    await addMountStubs(stubs, mountPlaces(view, spec.mounts, BUILDKIT), async (source, path) => {
      const { view: files } = await roots.prepare(source, io);
      return files.lookUp(sourcePlace(files, path, BUILDKIT))?.type === "file" ? "file" : "dir";
    });
    const layers = stubs.above(own);
    const instruction = await runInstruction({ layout, roots, view, layers }, spec, io);
    const folder = scratch.make();
    const release = async (): Promise<void> => {
      this.#live.delete(release);
      await scratch.remove(folder);
    };
    this.#live.add(release);
    let isKept = false;
    const secrets = secretSources(instruction.secrets, memory);
    try {
      const output = join(folder, "result");
      layout.prepareOutput(output, layers);
      const request = requestOf(spec, instruction, secrets, join(folder, "context"), output, layout.folder);
      const failure = await build(client, request, instruction.dockerfile, secrets.env, io);
      if (failure?.exitCode !== undefined) return { exitCode: failure.exitCode, changeset: null };
      if (failure !== undefined) throw executorFailed(BUILDKIT, `the builder failed: ${failure.message}`);
      isKept = true;
      const layer = resultLayer(output, layers, BUILDKIT);
      return { exitCode: 0, changeset: new ResultChangeset(layer, view, spec.changesetLimitBytes, io.signal, release) };
    } finally {
      await secrets.close();
      if (!isKept) await release();
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const workshop = await this.#workshop?.catch(() => undefined);
    this.#workshop = undefined;
    for (const release of [...this.#live]) await release();
    await workshop?.memory?.close();
    await workshop?.scratch.close();
  }

  /** What a builder says against an image from a layout and one to a layout, without any command. */
  async #tryBuilder(
    client: BuildClient,
    platform: Platform,
    signal: AbortSignal | undefined,
  ): Promise<string | undefined> {
    const { scratch, roots, layout } = await this.#open();
    const io = { ...NO_IO, signal: signal ?? new AbortController().signal };
    const { layers } = await roots.prepare({ chainId: null, layers: [] }, io);
    const folder = scratch.make();
    try {
      const base = { name: "base", digest: await layout.image(layers, platform, {}) };
      const instruction = { dockerfile: "FROM base\n", images: [base], secrets: new Map(), agents: new Map() };
      const output = join(folder, "result");
      layout.prepareOutput(output, layers);
      const spec = {
        platform,
        network: "none",
        security: "sandbox",
        hostname: "probe",
        hosts: [],
        ulimits: [],
      } as const;
      const sources = secretSources(instruction.secrets, undefined);
      const whole = { ...spec, shmSizeBytes: undefined };
      const request = requestOf(whole, instruction, sources, join(folder, "context"), output, layout.folder);
      const failure = await build(client, request, instruction.dockerfile, {}, io);
      return failure?.message;
    } finally {
      await scratch.remove(folder);
    }
  }

  #open(): Promise<Workshop> {
    this.#workshop ??= openWorkshop(this.#options.stateDir);
    this.#workshop.catch(() => {
      this.#workshop = undefined;
    });
    return this.#workshop;
  }
}

async function openWorkshop(stateDir: string): Promise<Workshop> {
  mkdirSync(stateDir, { recursive: true, mode: 0o700 });
  const scratch = new ScratchFolders(stateDir, ROOT_IDS);
  await scratch.sweep();
  const memory = await openMemory();
  const layout = new LayoutFolder(join(stateDir, "layout"), scratch);
  return { scratch, memory, layout, roots: new RootLayers(stateDir, scratch, layout.blobs) };
}

type Asked = Pick<RunSpec, "platform" | "network" | "security" | "hostname" | "hosts" | "shmSizeBytes" | "ulimits">;

function requestOf(
  spec: Asked,
  { images, agents }: RunInstruction,
  { fields }: SecretSources,
  folder: string,
  output: string,
  layout: string,
): BuildRequest {
  const { network, hostname, hosts, shmSizeBytes, ulimits, security } = spec;
  return {
    folder,
    output,
    layout,
    images,
    platform: formatPlatform(spec.platform),
    network,
    hostname,
    hosts,
    shmSizeBytes,
    ulimits,
    secrets: [...fields].map(([id, source]) => ({ id, source })),
    agents: [...agents].map(([id, path]) => ({ id, path })),
    allow: [...(network === "host" ? ["network.host"] : []), ...(security === "insecure" ? ["security.insecure"] : [])],
  };
}

/** Builds; `undefined` when it succeeds. @throws EXECUTOR_FAILED; the signal's reason; what `onOutput` throws */
async function build(
  client: BuildClient,
  request: BuildRequest,
  dockerfile: string,
  secretEnv: Readonly<Record<string, string>>,
  io: RunIO,
): Promise<{ readonly exitCode: number | undefined; readonly message: string } | undefined> {
  mkdirSync(request.folder, { mode: 0o700 });
  writeFileSync(join(request.folder, "Dockerfile"), dockerfile);
  const child = new Child([...client.command, ...buildArguments(client, request)], {
    stdio: ["ignore", "ignore", "pipe"],
    env: { ...client.env, ...secretEnv },
    signal: io.signal,
  });
  const log = new ProgressLog(io.onOutput);
  const reading = log.read(child.process.stderr!);
  // Who cannot take the output ends the command.
  reading.catch(() => child.kill());
  const { code } = await child.ended;
  io.signal.throwIfAborted();
  await reading;
  return code === 0 ? undefined : log.failure();
}

/** Iterated once; its end, early or not, removes what the builder wrote. */
class ResultChangeset implements AsyncIterable<Buffer> {
  readonly #chunks: AsyncGenerator<Buffer, void, undefined>;
  readonly #release: () => Promise<void>;

  constructor(
    layer: ResultLayer | undefined,
    view: IndexView,
    limitBytes: number,
    signal: AbortSignal,
    release: () => Promise<void>,
  ) {
    this.#chunks = changes(layer, view, limitBytes, signal, release);
    this.#release = release;
  }

  [Symbol.asyncIterator](): AsyncIterator<Buffer, void, undefined> {
    return {
      next: () => this.#chunks.next(),
      return: async () => {
        await this.#chunks.return(undefined);
        // A generator that never started has nothing to leave.
        await this.#release();
        return { done: true, value: undefined };
      },
    };
  }
}

async function* changes(
  layer: ResultLayer | undefined,
  view: IndexView,
  limitBytes: number,
  signal: AbortSignal,
  release: () => Promise<void>,
): AsyncGenerator<Buffer, void, undefined> {
  try {
    if (layer === undefined) {
      yield Buffer.alloc(1024);
      return;
    }
    const tar = decompress(createReadStream(layer.path), layer.mediaType, { signal });
    yield* rewriteTar(tar, layerChangeset({ executor: BUILDKIT, view, limitBytes }));
  } finally {
    await release();
  }
}

function platformsIn(text: string): readonly Platform[] {
  const found = new Set(text.match(/\blinux\/[a-z0-9]+(?:\/[a-z0-9]+)?/g) ?? []);
  return [...found].map((word) => parsePlatform(word));
}

function lastLine(text: string): string {
  return text.trim().split("\n").at(-1)! || "no reason";
}

const nothing = (): never => {
  throw new Error("a probe has neither layers nor mounts");
};
const NO_IO: Omit<RunIO, "signal"> = {
  onOutput: () => {},
  openLayer: nothing,
  readSecret: nothing,
  sshSocket: nothing,
};
