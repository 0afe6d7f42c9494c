/**
 * Runs commands in containers of a Docker engine, or of Podman's compatible one, on this machine or another.
 * docs/design/executor-docker.md says how, and what an engine cannot do.
 */
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { bytesOf } from "../../util/bytes.js";
import { SharedWork } from "../../util/shared-work.js";
import type { Executor, ExecutorProbe, RunIO, RunOutcome, RunSpec } from "../contract.js";
import { executorFailed } from "../kit/failures.js";
import { ROOT_IDS } from "../kit/id-space.js";
import { RootLayers } from "../kit/root-layers.js";
import { ScratchFolders } from "../kit/scratch-folders.js";
import { withSecrets } from "../kit/secret-script.js";
import { StubLayer } from "../kit/stub-layer.js";
import { assertCwd } from "../kit/system-folders.js";
import type { EngineLayer } from "../kit/tar-parts.js";
import { CacheVolumes } from "./cache-volumes.js";
import { committedChangeset } from "./committed-changeset.js";
import { runContainer } from "./container.js";
import { createContainer } from "./create-container.js";
import { DOCKER, Engine } from "./engine.js";
import { type Environment, engineAddress } from "./engine-address.js";
import { capabilitiesOf, type EngineFacts, engineFacts } from "./engine-facts.js";
import { EngineImages } from "./engine-images.js";
import { EngineLocks } from "./engine-locks.js";
import { HELPER_MOUNT, Helpers } from "./helper.js";
import { killPath, removeVolume } from "./removal.js";
import { RunMounts } from "./run-mounts.js";
import { sweep } from "./sweep.js";
import { addSystemStubs } from "./system-stubs.js";
import { upperChangeset } from "./upper-changeset.js";
import { FileVolumes } from "./volume-files.js";
import { Watchdog } from "./watchdog.js";

export interface DockerExecutorOptions {
  /** Holds what is known of layers, and what runs need; made 0700 when it is missing. */
  readonly stateDir: string;
  /** DOCKER_HOST and the like: where the engine is. Commands see nothing of it. */
  readonly env: Environment;
}

/** What stands while the executor is in use. */
interface Workshop {
  readonly engine: Engine;
  readonly facts: EngineFacts;
  readonly scratch: ScratchFolders;
  readonly roots: RootLayers;
  readonly images: EngineImages;
  readonly helpers: Helpers;
  readonly volumes: FileVolumes;
  readonly caches: CacheVolumes;
  /** Name and path of volumes that live as long as we. */
  readonly bound: SharedWork<string>;
  seesOurFiles: boolean | undefined;
  /** From the first command on. */
  watchdog: Watchdog | undefined;
}

/** An executor over the engine that the environment names, or the first that is found. */
export function createDockerExecutor(options: DockerExecutorOptions): Executor {
  return new DockerExecutor(options);
}

class DockerExecutor implements Executor {
  readonly name = DOCKER;
  readonly #options: DockerExecutorOptions;
  readonly #live = new Set<() => Promise<void>>();
  #workshop: Promise<Workshop> | undefined;

  constructor(options: DockerExecutorOptions) {
    this.#options = options;
  }

  async probe({ signal }: { readonly signal?: AbortSignal } = {}): Promise<ExecutorProbe> {
    signal?.throwIfAborted();
    let workshop: Workshop | undefined;
    try {
      workshop = await this.#open(signal);
    } catch (error) {
      signal?.throwIfAborted();
      const { message, hint } = error as { readonly message: string; readonly hint?: string };
      return { usable: false, reason: message, ...(hint === undefined ? {} : { hint }) };
    }
    if (workshop === undefined) {
      const hint = "Start Docker or Podman's service, or say where an engine is with DOCKER_HOST.";
      return { usable: false, reason: "No engine's socket is there.", hint };
    }
    const { facts } = workshop;
    if (facts.platform.os !== "linux") return { usable: false, reason: `${facts.shown} runs ${facts.platform.os}.` };
    if (facts.changes === undefined) {
      const reason = `${facts.shown} with the storage driver "${facts.driver}" cannot give out what a container changed.`;
      return { usable: false, reason, hint: "Use the storage driver overlay2, or Docker 25 or newer." };
    }
    workshop.seesOurFiles ??= await seesOurFiles(workshop, signal);
    return {
      usable: true,
      capabilities: capabilitiesOf(facts, workshop.seesOurFiles),
      note: `Commands run on ${facts.shown}.`,
    };
  }

  async run(spec: RunSpec, io: RunIO): Promise<RunOutcome> {
    const { signal } = io;
    signal.throwIfAborted();
    const workshop = await this.#open(signal);
    if (workshop === undefined) throw executorFailed(DOCKER, "no engine's socket is there", "Set DOCKER_HOST.");
    const { engine, helpers, roots, volumes, caches, bound, scratch, facts } = workshop;
    workshop.watchdog ??= new Watchdog(
      engine.peer,
      facts.isPodman ? killPath("ID", true) : undefined,
      this.#options.env,
    );
    const root = await roots.prepare(spec.rootfs, io);
    const cwd = assertCwd(root.view, spec.cwd, DOCKER);
    const stubs = new StubLayer(root.view, DOCKER);
    addSystemStubs(stubs, root.view, facts.isPodman);
    const makeFolder = workshop.seesOurFiles === true ? (): string => scratch.make() : undefined;
    const { view } = root;
    const parts = { view, stubs, helpers, volumes, caches, bound, makeFolder, isPodman: facts.isPodman };
    const mounts = new RunMounts(parts);
    let id: string | undefined;
    const taken = (): string | undefined => {
      this.#live.delete(release);
      const container = id;
      id = undefined;
      return container;
    };
    const release = async (): Promise<void> => {
      const container = taken();
      if (container !== undefined) await helpers.remove(container);
    };
    const done = (): void => {
      const container = taken();
      if (container !== undefined) helpers.removeSoon(container);
    };
    this.#live.add(release);
    let isKept = false;
    try {
      await mounts.addStubs(spec.mounts, io);
      if (facts.isPodman) await mounts.addHosts(spec, view.resolve(bytesOf("etc/hosts"))!, io);
      const host = await mounts.add(spec, io);
      const env = environment(spec, mounts);
      const args = mounts.secretEnv.size === 0 ? spec.args : withSecrets(spec.args, view, DOCKER);
      const layers = stubs.above(root.layers);
      const create = async (image: string): Promise<string | undefined> =>
        createContainer(engine, { spec, cwd, args, env, image, mounts: host }, facts.isPodman, signal);
      const image = await this.#image(workshop, layers, spec, io);
      id = await create(image);
      if (id === undefined) {
        // Somebody has removed the image.
        await workshop.images.forget(image);
        id = await create(await this.#image(workshop, layers, spec, io));
      }
      if (id === undefined) throw executorFailed(DOCKER, "the engine lost an image that it was given");
      const { exitCode, signal: endSignal, upperDir } = await runContainer(engine, id, io, facts.isPodman);
      if (exitCode !== 0) {
        return { exitCode, ...(endSignal === undefined ? {} : { signal: endSignal }), changeset: null };
      }
      isKept = true;
      const change = { helpers, id, view, limitBytes: spec.changesetLimitBytes, signal };
      const chunks =
        facts.changes === "folder" && upperDir !== undefined
          ? upperChangeset(change, upperDir)
          : committedChangeset(
              change,
              layers.map(({ diffId }) => diffId),
            );
      return { exitCode: 0, changeset: releasing(chunks, done) };
    } finally {
      await mounts.close();
      if (!isKept) await release();
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const workshop = await this.#workshop?.catch(() => undefined);
    this.#workshop = undefined;
    for (const release of [...this.#live]) await release();
    if (workshop === undefined) return;
    await workshop.helpers.settled();
    for (const volume of await workshop.bound.all()) await removeVolume(workshop.engine, volume.split("\n")[0]!);
    await workshop.watchdog?.[Symbol.asyncDispose]();
    await workshop.scratch.close();
    await workshop.engine.close();
  }

  async #image(workshop: Workshop, layers: readonly EngineLayer[], spec: RunSpec, io: RunIO): Promise<string> {
    const image = await workshop.images.ensure(layers, spec.platform, io.signal);
    await workshop.roots.release(layers);
    return image;
  }

  /** `undefined` where no engine is. */
  async #open(signal: AbortSignal | undefined): Promise<Workshop | undefined> {
    if (this.#workshop === undefined) {
      const address = engineAddress(this.#options.env);
      if (address === undefined) return undefined;
      this.#workshop = openWorkshop(this.#options.stateDir, new Engine(address), signal);
      this.#workshop.catch(() => {
        this.#workshop = undefined;
      });
    }
    return this.#workshop;
  }
}

async function openWorkshop(stateDir: string, engine: Engine, signal: AbortSignal | undefined): Promise<Workshop> {
  try {
    const facts = await engineFacts(engine, signal);
    await sweep(engine, facts.isPodman, signal);
    mkdirSync(stateDir, { recursive: true, mode: 0o700 });
    const scratch = new ScratchFolders(stateDir, ROOT_IDS);
    await scratch.sweep();
    const roots = new RootLayers(stateDir, scratch);
    const images = new EngineImages(engine, facts.now);
    const helpers = new Helpers(engine, images, facts.platform);
    const volumes = new FileVolumes(helpers, images, roots, facts.isPodman);
    const caches = new CacheVolumes(helpers, volumes, new EngineLocks(helpers), facts.platform);
    const bound = new SharedWork<string>();
    const later = { seesOurFiles: undefined, watchdog: undefined };
    return { engine, facts, scratch, roots, images, helpers, volumes, caches, bound, ...later };
  } catch (error) {
    await engine.close();
    throw error;
  }
}

/** Whether the engine's machine is this one, as far as files go: then a socket of ours can be mounted. */
async function seesOurFiles({ helpers, scratch }: Workshop, signal: AbortSignal | undefined): Promise<boolean> {
  if (process.platform !== "linux") return false;
  const folder = scratch.make();
  try {
    writeFileSync(join(folder, "seen"), "");
    const query = { path: `${HELPER_MOUNT}/seen` };
    const mount = { type: "bind", source: folder, readOnly: true } as const;
    return await helpers.with({ mount, signal }, async (id) => {
      const call = { method: "HEAD", path: `/containers/${id}/archive`, query, signal } as const;
      return (await helpers.engine.done(call, [404, 500])).status === 200;
    });
  } catch {
    signal?.throwIfAborted();
    return false;
  } finally {
    await scratch.remove(folder);
  }
}

/** What the engine may know of it: secrets come by another way. */
function environment({ env }: RunSpec, { secretEnv, sshAuthSock }: RunMounts): readonly string[] {
  const kept = env.filter((line) => !secretEnv.has(line.slice(0, line.indexOf("="))));
  const hasOwn = sshAuthSock === undefined || kept.some((line) => line.startsWith("SSH_AUTH_SOCK="));
  return hasOwn ? kept : [...kept, `SSH_AUTH_SOCK=${sshAuthSock}`];
}

/** Iterated once; its end, early or not, calls `done`. */
function releasing(chunks: AsyncGenerator<Buffer, void, undefined>, done: () => void): AsyncIterable<Buffer> {
  return {
    [Symbol.asyncIterator]: () => ({
      async next() {
        try {
          const result = await chunks.next();
          if (result.done === true) done();
          return result;
        } catch (error) {
          done();
          throw error;
        }
      },
      async return() {
        await chunks.return(undefined);
        done();
        return { done: true, value: undefined };
      },
    }),
  };
}
