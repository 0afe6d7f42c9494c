/**
 * The nodes that commands find in /dev. As root we have our own, so that a command that changes their rights changes nothing
 * of the machine; who is no root of the machine could not change those of the machine anyway.
 */
import { chmodSync, chownSync, closeSync, lstatSync, mkdirSync, openSync, renameSync } from "node:fs";
import { join } from "node:path";
import { runChild } from "../kit/child.js";
import type { IdSpace } from "../kit/id-space.js";
import { systemProgram } from "../kit/programs.js";
import type { ScratchFolders } from "../kit/scratch-folders.js";
import { DEVICE_NUMBERS, DEVICES } from "../kit/system-files.js";

export interface DeviceNodes {
  /** What is mounted for the device `name`, and the options of that mount. */
  source(name: string): { readonly path: string; readonly options: string };
}

const MODE = 0o666;

/** @param stateDir keeps them from build to build */
export async function openDeviceNodes(stateDir: string, space: IdSpace, scratch: ScratchFolders): Promise<DeviceNodes> {
  if (space.overlay === "user") return { source: (name) => ({ path: `/dev/${name}`, options: "bind" }) };
  const folder = join(stateDir, "devices");
  if (!isWhole(folder)) await makeNodes(folder, scratch);
  // No such nodes can be made in some containers, and they do not open where the store is mounted `nodev`.
  if (!isWhole(folder) || !opens(join(folder, "null"))) {
    return { source: (name) => ({ path: `/dev/${name}`, options: "bind,ro" }) };
  }
  return {
    source: (name) => {
      const path = join(folder, name);
      // An earlier command may have changed them.
      chmodSync(path, MODE);
      chownSync(path, 0, 0);
      return { path, options: "bind" };
    },
  };
}

function isWhole(folder: string): boolean {
  return [...DEVICE_NUMBERS].every(([name, [major, minor]]) => {
    const stat = lstatSync(join(folder, name), { throwIfNoEntry: false });
    return stat?.isCharacterDevice() === true && stat.rdev === (major << 8) + minor;
  });
}

/** Others may do the same at once: each node comes whole, by a rename. */
async function makeNodes(folder: string, scratch: ScratchFolders): Promise<void> {
  const cp = systemProgram("cp");
  if (cp === undefined) return;
  const made = scratch.make();
  try {
    // Of a device it makes another node.
    const { code } = await runChild([cp, "-R", "--", ...DEVICES.map((name) => `/dev/${name}`), made]);
    if (code !== 0) return;
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    for (const name of DEVICES) renameSync(join(made, name), join(folder, name));
  } finally {
    await scratch.remove(made);
  }
}

function opens(path: string): boolean {
  try {
    closeSync(openSync(path, "r"));
    return true;
  } catch {
    return false;
  }
}
