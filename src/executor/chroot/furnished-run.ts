/** One command in a tree: everything put in, the command run, everything taken out again that is not the command's. */
import { parentPath, ROOT } from "../../tree/paths.js";
import { type ByteString, bytesOf } from "../../util/bytes.js";
import type { RunIO, RunSpec } from "../contract.js";
import type { CommandEnd } from "../kit/command-end.js";
import { commandEnvironment } from "../kit/command-environment.js";
import { executorFailed } from "../kit/failures.js";
import { Furniture } from "./furniture.js";
import { MountFurniture } from "./mount-furniture.js";
import { runCommand } from "./run-command.js";
import { runScript } from "./run-script.js";
import { addSystemFurniture } from "./system-furniture.js";
import { compareTrees, type TreeChanges } from "./tree-changes.js";
import { listTree, type TreeList, untilNextTick } from "./tree-list.js";
import type { WorkingTree } from "./working-trees.js";
import type { Workshop } from "./workshop.js";

/** `lost`: files of the image that were in the way of something of ours, and that the command took from under it. */
export type Ran = CommandEnd | { readonly changes: TreeChanges; readonly lost: readonly ByteString[] };

/** @param folder of the run alone @throws EXECUTOR_FAILED, EXECUTOR_UNSUPPORTED, what `io` throws */
export async function runFurnished(
  { executor, layers, copy, caches, pipes, marks, secrets }: Workshop,
  tree: WorkingTree,
  folder: string,
  spec: RunSpec,
  io: RunIO,
): Promise<Ran> {
  const { root } = tree;
  const furniture = new Furniture(executor, folder, root);
  const mounts = new MountFurniture({ executor, folder, root, furniture, layers, copy, caches, secrets });
  const output = await pipes.open();
  let after: TreeList | undefined;
  let changes: TreeChanges | undefined;
  try {
    await addSystemFurniture({ executor, furniture, spec, output, signal: io.signal });
    await mounts.add(spec.mounts, io);
    const cwd = furniture.resolve(bytesOf(spec.cwd));
    if (cwd.path !== ROOT && cwd.stat?.isDirectory() !== true) {
      const got = cwd.stat === undefined ? "nothing" : "a file";
      throw executorFailed(
        executor,
        `working directory "${spec.cwd}" expected a directory of the image but got ${got}`,
      );
    }
    const env = mounts.withSshAuthSock(spec.env);
    const environment = commandEnvironment(env, mounts.secretEnv, tree.view, executor);
    const mark = marks.next();
    const script = runScript({ executor, spec, root, cwd: cwd.path, environment, mark });
    const isLeftOut = furniture.has.bind(furniture);
    const before = listTree(root, isLeftOut);
    await untilNextTick(before, folder);
    const end = await runCommand({ executor, script, mark, output, io });
    if (end.exitCode !== 0) return end;
    after = listTree(root, isLeftOut);
    changes = compareTrees(before, after, furniture.stubs);
  } finally {
    for (const pipe of output) pipe.release();
    try {
      furniture.takeOut(after, changes?.dirty);
    } finally {
      await mounts.close();
    }
  }
  return { changes: changes!, lost: furniture.lost.filter((path) => after!.has(parentPath(path))) };
}
