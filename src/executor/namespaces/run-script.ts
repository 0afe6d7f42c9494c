/**
 * What the first process of the namespaces does before it becomes the command. It is read from standard input, so that
 * nothing of it, secrets above all, stands in a process list.
 */
import { type ByteString, bytesOf } from "../../util/bytes.js";
import type { RunSpec } from "../contract.js";
import { executorUnsupported } from "../kit/failures.js";
import type { IdSpace } from "../kit/id-space.js";
import { requireProgram, systemProgram } from "../kit/programs.js";
import { shellWord } from "../kit/quote.js";
import type { CommandEnvironment } from "./command-environment.js";

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
] as const;

export interface RunScriptOptions {
  readonly executor: string;
  readonly space: IdSpace;
  readonly folder: string;
  readonly spec: RunSpec;
  readonly environment: CommandEnvironment;
  /** Lines that run before the mounts are made, in the run's folder. */
  readonly before: readonly string[];
}

/** Descriptor on which the script says what it did: lines, then `R` when the command is about to start. */
export const STATUS_FD = 3;

export function runScript(options: RunScriptOptions): ByteString {
  const { executor, spec, environment } = options;
  const program = (name: string): string => shellWord(requireProgram(name, executor));
  const ip = systemProgram("ip");
  const loopback = spec.network === "none" && ip !== undefined ? [`${shellWord(ip)} link set lo up 2>/dev/null`] : [];
  const lines = [
    'fail() { echo "$1" >&3; exit 125; }',
    "main() {",
    "umask 022",
    hostNameLine(options),
    `cd ${word(bytesOf(options.folder))} || fail "the folder of the run is gone"`,
    ...options.before,
    `LIBMOUNT_FORCE_MOUNT2=always ${program("mount")} -n -a -T fstab >&3 2>&3 || fail "mounting failed"`,
    'cd run/root || fail "the root file system is not there"',
    `${program("umount")} -n -l /proc 2>/dev/null`,
    `${program("mount")} -n --move . / >&3 2>&3 || fail "changing the root failed"`,
    ...loopback,
    ...limitLines(options),
    ...environment.exported.map(([name, value]) => `export ${name}=${word(value)}`),
    "echo R >&3",
    `exec ${finalCommand(options).map(word).join(" ")} </dev/null 3>&-`,
    "}",
    "main",
    "",
  ];
  return lines.join("\n") as ByteString;
}

function hostNameLine({ executor, spec, space }: RunScriptOptions): string {
  const name = word(bytesOf(spec.hostname));
  // The file belongs to root of the machine, whoever the namespace belongs to.
  const set =
    space.overlay === "trusted"
      ? `echo ${name} > /proc/sys/kernel/hostname`
      : `${shellWord(requireProgram("hostname", executor))} ${name} 2>&3`;
  return `${set} || fail "setting the host name failed"`;
}

function limitLines({ executor, spec }: RunScriptOptions): string[] {
  if (spec.ulimits.length === 0) return [];
  const limits = spec.ulimits.map(({ name, soft, hard }) => {
    if (!/^[a-z]+$/.test(name)) throw executorUnsupported(executor, "ulimit", `limit "${name}" is unknown`);
    return `--${name}=${limitValue(soft)}:${limitValue(hard)}`;
  });
  const prlimit = shellWord(requireProgram("prlimit", executor));
  return [`${prlimit} --pid $$ ${limits.join(" ")} >&3 2>&3 || fail "setting limits failed"`];
}

function limitValue(value: number): string {
  return value < 0 ? "unlimited" : String(value);
}

function finalCommand(options: RunScriptOptions): readonly string[] {
  const { executor, spec, space, environment } = options;
  const { uid } = spec.user;
  return [
    requireProgram("setpriv", executor),
    ...identity(options),
    "--inh-caps=-all",
    ...(spec.security === "sandbox" ? [`--bounding-set=-all,${CAPABILITIES.map((name) => `+${name}`).join(",")}`] : []),
    "--",
    requireProgram("env", executor),
    ...["PWD", "OLDPWD", "SHLVL", "_"].flatMap((name) => ["-u", name]),
    "--",
    ...environment.direct,
    requireProgram("unshare", executor),
    "--root=.",
    `--wd=${bytesOf(spec.cwd)}`,
    ...(uid === 0 || space.ids === "root" ? [] : [`--setuid=${uid}`]),
    "--",
    ...environment.prefix,
    ...spec.args.map(bytesOf),
  ];
}

function identity({ executor, spec, space }: RunScriptOptions): string[] {
  const { uid, gid, additionalGids } = spec.user;
  if (space.ids === "all") {
    return [
      `--regid=${gid}`,
      additionalGids.length === 0 ? "--clear-groups" : `--groups=${[...new Set(additionalGids)].join(",")}`,
    ];
  }
  if (uid === 0 && gid === 0) return [];
  throw executorUnsupported(
    executor,
    "user",
    `user ${uid}:${gid} does not exist here, where only root does`,
    "Give this user a range in /etc/subuid and /etc/subgid, and install uidmap.",
  );
}

/** `text` as a word of the script, one character for each byte. */
function word(text: string): string {
  return shellWord(text);
}
