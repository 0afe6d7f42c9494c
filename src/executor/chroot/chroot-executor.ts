/**
 * Runs commands in a copy of their root file system that chroot(2) shows them, where nothing can be mounted and no
 * namespace made. It is no boundary: docs/design/executor-chroot.md says what it does and what it does not.
 */
import { type ByteString, bufferOf, textOf } from "../../util/bytes.js";
import type { Executor, ExecutorCaches, ExecutorProbe, RunIO, RunOutcome, RunSpec } from "../contract.js";
import { changesetRewrite } from "../kit/changeset.js";
import { openChangeset } from "../kit/changeset-stream.js";
import { executorUnsupported } from "../kit/failures.js";
import { requireProgram } from "../kit/programs.js";
import { readListedArguments } from "../kit/tar-arguments.js";
import { runFurnished } from "./furnished-run.js";
import { lockedMount } from "./mount-furniture.js";
import { probeChroot } from "./probe.js";
import { closeWorkshop, openWorkshop, type Workshop } from "./workshop.js";

export const CHROOT = "chroot";

export interface ChrootExecutorOptions {
  /** Holds prepared layers, cache mounts and the trees of runs; made 0700 when it is missing. */
  readonly stateDir: string;
}

/** An executor for root in containers without privileges. For input that is trusted. */
export function createChrootExecutor(options: ChrootExecutorOptions): Executor {
  return new ChrootExecutor(options.stateDir);
}

class ChrootExecutor implements Executor {
  readonly name = CHROOT;
  readonly caches: ExecutorCaches = {
    read: async (mount, options) => (await this.#open()).caches.read(lockedMount(mount), options),
    fill: async (mount, open, options) => (await this.#open()).caches.fill(lockedMount(mount), open, options),
  };
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
      const ran = await runFurnished(workshop, tree, folder, spec, io);
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
    await closeWorkshop(workshop);
  }

  #open(): Promise<Workshop> {
    this.#workshop ??= openWorkshop(CHROOT, this.#stateDir);
    this.#workshop.catch(() => {
      this.#workshop = undefined;
    });
    return this.#workshop;
  }
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
