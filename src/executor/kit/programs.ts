/** Programs of this machine that executors are made of, looked up in the system's own folders only (P2). */
import { OcibuildError } from "../../errors.js";
import { findProgram } from "../../util/find-program.js";

const SYSTEM_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/** Which package of Debian (other distributions call them alike) has a program. */
const PACKAGES: ReadonlyMap<string, string> = new Map([
  ["unshare", "util-linux"],
  ["setpriv", "util-linux"],
  ["nsenter", "util-linux"],
  ["prlimit", "util-linux"],
  ["flock", "util-linux"],
  ["mount", "mount"],
  ["script", "bsdutils"],
  ["newuidmap", "uidmap"],
  ["newgidmap", "uidmap"],
  ["hostname", "hostname"],
  ["tar", "tar"],
  ["sh", "dash"],
]);

const found = new Map<string, string | undefined>();

/** Absolute path of the program `name`, or `undefined`. What was found once is remembered. */
export function systemProgram(name: string): string | undefined {
  if (!found.has(name)) {
    const path = findProgram(name, { searchPath: SYSTEM_PATH, outside: [] })?.path;
    if (path === undefined) return undefined;
    found.set(name, path);
  }
  return found.get(name);
}

/** Absolute path of the program `name`. @throws EXECUTOR_FAILED that says which package has it */
export function requireProgram(name: string, executor: string): string {
  const path = systemProgram(name);
  if (path !== undefined) return path;
  throw new OcibuildError("EXECUTOR_FAILED", `executor "${executor}" expected the program "${name}" but got nothing`, {
    details: { executor },
    hint: installHint([name]),
  });
}

/** Says how the programs `names` are installed. */
export function installHint(names: readonly string[]): string {
  const packages = [...new Set(names.map((name) => PACKAGES.get(name) ?? name))].sort();
  return `Install ${packages.join(" and ")} (the package names of Debian and Ubuntu).`;
}
