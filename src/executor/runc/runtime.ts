/** The OCI runtimes of this machine, and how each is called so that it leaves the control groups alone. */
import { randomUUID } from "node:crypto";
import { join } from "node:path";
import { systemProgram } from "../kit/programs.js";
import { isMachineRoot } from "../kit/user-namespace.js";

const NAMES = ["crun", "runc", "youki"] as const;

export type RuntimeName = (typeof NAMES)[number];

export interface Runtime {
  readonly name: RuntimeName;
  /** Absolute. */
  readonly path: string;
}

/** Those that are installed, or only one of them, the quickest first. youki has not been tried: only when named. */
export function installedRuntimes(only?: RuntimeName): Runtime[] {
  return NAMES.filter((name) => (only === undefined ? name !== "youki" : name === only)).flatMap((name) => {
    const path = systemProgram(name);
    return path === undefined ? [] : [{ name, path }];
  });
}

/** Runs the bundle in `folder`/bundle; state and log are there too, and go with the mount that holds them. */
export function runtimeCommand({ name, path }: Runtime, folder: string): readonly string[] {
  const bundle = join(folder, "bundle");
  const log = `${name === "crun" ? "file:" : ""}${bundle}/log`;
  const cgroups = { crun: ["--cgroup-manager=disabled"], runc: ["--rootless=true"], youki: [] }[name];
  const general = ["--root", `${bundle}/state`, "--log", log, "--log-format", "json", ...cgroups];
  return [path, ...general, "run", "--bundle", bundle, `ocibuild-${randomUUID()}`];
}

/** Why a runtime may not be used by who we are. */
export function untrusted({ name }: Runtime): string | undefined {
  // crun 1.8; device nodes in a user namespace never open, whatever the mount says.
  if (name !== "crun" || !isMachineRoot()) return undefined;
  return "crun drops nodev from the root file system, so device nodes that root makes there open.";
}
