/**
 * Runs commands in a copy of their root file system that chroot(2) shows them, where nothing can be mounted and no
 * namespace made. It is no boundary: docs/design/executor-chroot.md says what it does and what it does not.
 */
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { parentPath, ROOT } from "../../tree/paths.js";
import { type ByteString, bufferOf, bytesOf, textOf } from "../../util/bytes.js";
import type { Executor, ExecutorProbe, RunIO, RunOutcome, RunSpec } from "../contract.js";
import { CacheFolders } from "../kit/cache-folders.js";
import { changesetRewrite } from "../kit/changeset.js";
import { openChangeset } from "../kit/changeset-stream.js";
import type { CommandEnd } from "../kit/command-end.js";
import { commandEnvironment } from "../kit/command-environment.js";
import { executorFailed, executorUnsupported } from "../kit/failures.js";
import { FifoPool } from "../kit/fifo-pool.js";
import { FLAT_ROOT_IDS } from "../kit/id-space.js";
import { LayerStore } from "../kit/layer-store.js";
import { requireProgram } from "../kit/programs.js";
import { ScratchFolders } from "../kit/scratch-folders.js";
import { readListedArguments } from "../kit/tar-arguments.js";
import { recoverCaches } from "./cache-moves.js";
import { Furniture } from "./furniture.js";
import { LayerCopy } from "./layer-copy.js";
import { ProcessMarks } from "./marked-processes.js";
import { fillCache, MountFurniture } from "./mount-furniture.js";
import { probeChroot } from "./probe.js";
import { runCommand } from "./run-command.js";
import { runScript } from "./run-script.js";
import { isInMemory, SecretFiles } from "./secret-files.js";
import { addSystemFurniture } from "./system-furniture.js";
import { compareTrees, type TreeChanges } from "./tree-changes.js";
import { listTree, type TreeList, untilNextTick } from "./tree-list.js";
import { Watchdog } from "./watchdog.js";
import { type WorkingTree, WorkingTrees } from "./working-trees.js";

export const CHROOT = "chroot";

export interface ChrootExecutorOptions {
  /** Holds prepared layers, cache mounts and the trees of runs; made 0700 when it is missing. */
  readonly stateDir: string;
}

/** What stands while the executor is in use. */
interface Workshop {
  readonly scratch: ScratchFolders;
  readonly layers: LayerStore;
  readonly copy: LayerCopy;
  readonly trees: WorkingTrees;
  readonly caches: CacheFolders;
  readonly pipes: FifoPool;
  readonly marks: ProcessMarks;
  readonly secrets: SecretFiles | undefined;
  readonly watchdog: Watchdog;
}

/** An executor for root in containers without privileges. For input that is trusted. */
export function createChrootExecutor(options: ChrootExecutorOptions): Executor {
  return new ChrootExecutor(options.stateDir);
}

class ChrootExecutor implements Executor {
  readonly name = CHROOT;
  readonly #stateDir: string;
  #workshop: Promise<Workshop> | undefined;

  constructor(stateDir: string) {
    this.#stateDir = stateDir;
  }

  probe(options: { readonly signal?: AbortSignal } = {}): Promise<ExecutorProbe> {
    return probeChroot(this.#stateDir, options.signal);
  }

  async run(spec: RunSpec, io: RunIO): Promise<RunOutcome> {
    io.signal.throwIfAborted();
    refuseUnsupported(spec);
    const workshop = await this.#open();
    const tree = await workshop.trees.take(spec.rootfs.layers, io);
    const folder = workshop.scratch.make();
    let isKept = false;
    try {
      const ran = await runIn(workshop, tree, folder, spec, io);
      if (!("changes" in ran)) return { ...ran, changeset: null };
      const { changes, lost } = ran;
      isKept = true;
      const rewrite = changesetRewrite({
        executor: CHROOT,
        limitBytes: spec.changesetLimitBytes,
        root: tree.view.rootMeta(),
        deleted: [...changes.deleted, ...lost],
      });
      let isReleased = false;
      const release = async (): Promise<void> => {
        if (isReleased) return;
        isReleased = true;
        if (lost.length > 0) workshop.trees.discard(tree);
        else workshop.trees.giveBack(tree, changes.dirty);
      };
      const root = textOf(tree.root);
      const command = [requireProgram("tar", CHROOT), ...readListedArguments(root)];
      const input = bufferOf([".", ...changes.changed].map((path) => `${path}\0`).join("") as ByteString);
      return {
        exitCode: 0,
        changeset: openChangeset({ executor: CHROOT, command, input, rewrite, signal: io.signal, release }),
      };
    } finally {
      workshop.scratch.discard(folder);
      if (!isKept) workshop.trees.discard(tree);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const workshop = await this.#workshop?.catch(() => undefined);
    if (workshop === undefined) return;
    this.#workshop = undefined;
    await workshop.watchdog[Symbol.asyncDispose]();
    await workshop.scratch.close();
  }

  #open(): Promise<Workshop> {
    this.#workshop ??= openWorkshop(this.#stateDir);
    this.#workshop.catch(() => {
      this.#workshop = undefined;
    });
    return this.#workshop;
  }
}

/** `lost`: files of the image that were in the way of something of ours, and that the command took from under it. */
type Ran = CommandEnd | { readonly changes: TreeChanges; readonly lost: readonly ByteString[] };

/** Furnishes `tree`, runs the command, and takes everything out again that is not the command's. */
async function runIn(
  { layers, copy, caches, pipes, marks, secrets }: Workshop,
  tree: WorkingTree,
  folder: string,
  spec: RunSpec,
  io: RunIO,
): Promise<Ran> {
  const { root } = tree;
  const furniture = new Furniture(CHROOT, folder, root);
  const mounts = new MountFurniture({ executor: CHROOT, folder, root, furniture, layers, copy, caches, secrets });
  const output = await pipes.open();
  let after: TreeList | undefined;
  let changes: TreeChanges | undefined;
  try {
    await addSystemFurniture({ executor: CHROOT, furniture, spec, output, signal: io.signal });
    await mounts.add(spec.mounts, io);
    const cwd = furniture.resolve(bytesOf(spec.cwd));
    if (cwd.path !== ROOT && cwd.stat?.isDirectory() !== true) {
      const got = cwd.stat === undefined ? "nothing" : "a file";
      throw executorFailed(CHROOT, `working directory "${spec.cwd}" expected a directory of the image but got ${got}`);
    }
    const env = mounts.withSshAuthSock(spec.env);
    const environment = commandEnvironment(env, mounts.secretEnv, tree.view, CHROOT);
    const mark = marks.next();
    const script = runScript({ executor: CHROOT, spec, root, cwd: cwd.path, environment, mark });
    const isLeftOut = furniture.has.bind(furniture);
    const before = listTree(root, isLeftOut);
    await untilNextTick(before, folder);
    const end = await runCommand({ executor: CHROOT, script, mark, output, io });
    if (end.exitCode !== 0) return end;
    after = listTree(root, isLeftOut);
    changes = compareTrees(before, after, furniture.stubs);
  } finally {
    for (const pipe of output) pipe.release();
    furniture.takeOut(after, changes?.dirty);
    await mounts.close();
  }
  return { changes: changes!, lost: furniture.lost.filter((path) => after!.has(parentPath(path))) };
}

/** @throws EXECUTOR_UNSUPPORTED for what no step of a plan gets this far with */
function refuseUnsupported({ network, security, shmSizeBytes, mounts }: RunSpec): void {
  const wanted = [
    ...(network === "none" ? ["--network=none"] : []),
    ...(security === "insecure" ? ["--security=insecure"] : []),
    ...(shmSizeBytes === undefined ? [] : ["--shm-size"]),
    ...(mounts.some((mount) => mount.type === "tmpfs" && mount.sizeBytes !== undefined) ? ["the size of a tmpfs"] : []),
  ];
  if (wanted.length === 0) return;
  throw executorUnsupported(CHROOT, wanted[0]!, `${wanted.join(" and ")} cannot be had without mounts and namespaces`);
}

async function openWorkshop(stateDir: string): Promise<Workshop> {
  mkdirSync(stateDir, { recursive: true, mode: 0o700 });
  recoverCaches(join(stateDir, "tmp"));
  const space = FLAT_ROOT_IDS;
  const scratch = new ScratchFolders(stateDir, space);
  await scratch.sweep();
  const layers = new LayerStore({ stateDir, executor: CHROOT, space, scratch });
  const copy = new LayerCopy(CHROOT, scratch);
  const own = scratch.make();
  const marks = new ProcessMarks();
  const secretFolder = join(own, "secrets");
  return {
    scratch,
    layers,
    copy,
    trees: new WorkingTrees(layers, scratch, copy),
    caches: new CacheFolders({
      stateDir,
      executor: CHROOT,
      space,
      scratch,
      fill: (mount, folder, io) => fillCache({ executor: CHROOT, layers, copy }, mount, folder, io),
    }),
    pipes: new FifoPool(scratch.make(), CHROOT),
    marks,
    secrets: isInMemory(stateDir) ? new SecretFiles(secretFolder) : undefined,
    watchdog: new Watchdog(CHROOT, marks.prefix, secretFolder),
  };
}
