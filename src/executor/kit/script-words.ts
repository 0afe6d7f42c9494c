/** Parts of the scripts that become commands, alike wherever one is started. */
import type { RunSpec } from "../contract.js";
import { executorUnsupported } from "./failures.js";
import { requireProgram } from "./programs.js";
import { shellWord } from "./quote.js";

/** Docker's default set. */
const CAPABILITIES = [
  "chown",
  "dac_override",
  "fsetid",
  "fowner",
  "mknod",
  "net_raw",
  "setgid",
  "setuid",
  "setfcap",
  "setpcap",
  "net_bind_service",
  "sys_chroot",
  "kill",
  "audit_write",
].map((name) => `+${name}`);

/** For setpriv: what a command may have, whoever it runs as. */
export const SANDBOX_CAPABILITIES: string = `--bounding-set=-all,${CAPABILITIES.join(",")}`;

/** For env: what the shell sets by itself. */
export const UNSET_SHELL_VARIABLES: readonly string[] = ["PWD", "OLDPWD", "SHLVL", "_"].flatMap((name) => ["-u", name]);

/** For setpriv: the groups of `user`. */
export function groupArguments({ gid, additionalGids }: RunSpec["user"]): string[] {
  return [
    `--regid=${gid}`,
    additionalGids.length === 0 ? "--clear-groups" : `--groups=${[...new Set(additionalGids)].join(",")}`,
  ];
}

/** Lines that set limits on the shell and so on the command; on failure they call `fail`. @throws EXECUTOR_UNSUPPORTED */
export function limitLines(executor: string, ulimits: RunSpec["ulimits"]): string[] {
  if (ulimits.length === 0) return [];
  const limits = ulimits.map(({ name, soft, hard }) => {
    if (!/^[a-z]+$/.test(name)) throw executorUnsupported(executor, "ulimit", `limit "${name}" is unknown`);
    return `--${name}=${limitValue(soft)}:${limitValue(hard)}`;
  });
  const prlimit = shellWord(requireProgram("prlimit", executor));
  return [`${prlimit} --pid $$ ${limits.join(" ")} >&3 2>&3 || fail "setting limits failed"`];
}

function limitValue(value: number): string {
  return value < 0 ? "unlimited" : String(value);
}
