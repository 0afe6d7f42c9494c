/** Fills a new cache mount with what its `from` has, and gives it its owner and mode. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { bytesOf } from "../../util/bytes.js";
import type { Mount, RunIO } from "../contract.js";
import { runChild } from "../kit/child.js";
import { executorFailed } from "../kit/failures.js";
import type { IdSpace } from "../kit/id-space.js";
import type { LayerStore } from "../kit/layer-store.js";
import { requireProgram } from "../kit/programs.js";
import { shellWord } from "../kit/quote.js";
import type { ScratchFolders } from "../kit/scratch-folders.js";
import { Fstab } from "./fstab.js";
import { makeStackFolders, OverlayStack, type StackPlace } from "./overlay-stack.js";

export interface SeedParts {
  readonly executor: string;
  readonly space: IdSpace;
  readonly scratch: ScratchFolders;
  readonly layers: LayerStore;
}

export async function seedCache(
  { executor, space, scratch, layers }: SeedParts,
  mount: Mount & { readonly type: "cache" },
  target: string,
  io: RunIO,
): Promise<void> {
  const program = (name: string): string => shellWord(requireProgram(name, executor));
  const folder = scratch.make();
  try {
    const lines = ["set -e", "umask 022", `cd ${shellWord(bytesOf(folder))}`];
    const to = shellWord(bytesOf(target));
    if (mount.seed.layers.length > 0) {
      const view = await layers.prepare(mount.seed.layers, io);
      const at: StackPlace = { folder, name: "seed", isWritable: false };
      makeStackFolders(at);
      const stack = new OverlayStack(view, at, executor, space);
      const { path, stat } = stack.resolve(bytesOf(mount.path));
      if (stat === undefined || !stat.isDirectory()) {
        if (path !== "") throw executorFailed(executor, `cache mount source "${mount.path}" is no directory`);
      }
      const fstab = new Fstab();
      fstab.add("overlay", stack.mountedAt, "overlay", stack.options());
      writeFileSync(join(folder, "fstab"), fstab.text(), "latin1");
      lines.push(`LIBMOUNT_FORCE_MOUNT2=always ${program("mount")} -n -a -T fstab`);
      const from = shellWord(`${stack.mountedAt}/${path === "" ? "" : `${path}/`}.`);
      lines.push(`${program("cp")} -a --reflink=auto -- ${from} ${to}/`);
    }
    const owner = space.ids === "all" ? `${mount.uid}:${mount.gid}` : "0:0";
    lines.push(`${program("chown")} ${owner} ${to}`, `${program("chmod")} ${mount.mode.toString(8)} ${to}`, "");
    const command = [
      program("unshare"),
      "--mount",
      "--propagation=private",
      "--",
      requireProgram("sh", executor),
      "-s",
    ];
    const { code, words } = await runChild(space.command(command), { input: lines.join("\n"), signal: io.signal });
    if (code !== 0) throw executorFailed(executor, `making the cache mount "${mount.id}" ended with ${code}: ${words}`);
  } finally {
    await scratch.remove(folder);
  }
}
