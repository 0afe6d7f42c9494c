/**
 * A container as CI gives it: Docker's default capabilities and seccomp filter, so no mounts and no namespaces. Its
 * programs are the machine's own.
 */
import { lstatSync, readlinkSync } from "node:fs";
import { dirname } from "node:path";
import { type LayerMember, tarOf } from "../../src/testing/executor/lab.js";
import type { Dockerd } from "./dockerd.js";

const FOLDERS = ["dev", "etc", "proc", "root", "run", "sys", "tmp", "usr", "var"];
const SYSTEM = ["bin", "lib", "lib64", "sbin"];

/** Runs the shell script `script` there; `folders` are the machine's, to be read at the same place. */
export async function runUnprivileged(dockerd: Dockerd, script: string, folders: readonly string[]): Promise<string> {
  const members: LayerMember[] = FOLDERS.map((path) => ({ path, type: "dir" }));
  const shown = new Set(["/usr", ...folders, dirname(process.execPath)]);
  for (const name of SYSTEM) {
    const stat = lstatSync(`/${name}`, { throwIfNoEntry: false });
    if (stat?.isSymbolicLink() === true) {
      members.push({ path: name, type: "symlink", linkname: readlinkSync(`/${name}`) });
    } else if (stat !== undefined) {
      shown.add(`/${name}`);
    }
  }
  const image = (await dockerd.docker(["import", "-"], { input: tarOf(members) })).trim();
  const volumes = [...shown].flatMap((path) => ["--volume", `${path}:${path}:ro`]);
  const path = `PATH=${dirname(process.execPath)}:/usr/sbin:/usr/bin:/sbin:/bin`;
  return dockerd.docker(["run", "--rm", "--network", "host", "--env", path, ...volumes, image, "sh", "-c", script]);
}
