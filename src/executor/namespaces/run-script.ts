/**
 * What the first process of the namespaces does before it becomes the command. It is read from standard input, so that
 * nothing of it, secrets above all, stands in a process list.
 */
import { type ByteString, bytesOf } from "../../util/bytes.js";
import type { RunSpec } from "../contract.js";
import type { CommandEnvironment } from "../kit/command-environment.js";
import { executorUnsupported } from "../kit/failures.js";
import type { IdSpace } from "../kit/id-space.js";
import { requireProgram, systemProgram } from "../kit/programs.js";
import { shellWord } from "../kit/quote.js";
import { groupArguments, limitLines, SANDBOX_CAPABILITIES, UNSET_SHELL_VARIABLES } from "../kit/script-words.js";
import { inputRedirection, type RunInput } from "../overlay/run-style.js";

export interface RunScriptOptions {
  readonly executor: string;
  readonly space: IdSpace;
  readonly folder: string;
  readonly spec: RunSpec;
  readonly environment: CommandEnvironment;
  /** Lines that run before the mounts are made, in the run's folder. */
  readonly before: readonly string[];
  readonly input: RunInput;
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
    ...limitLines(executor, spec.ulimits),
    ...environment.exported.map(([name, value]) => `export ${name}=${word(value)}`),
    "echo R >&3",
    `exec ${startLine(options)} ${inputRedirection(options.input)} 3>&-`,
    "}",
    "main",
    "",
  ];
  return lines.join("\n") as ByteString;
}

/**
 * The last command. Nobody but util-linux's script gives a terminal to a command without code of ours: it shows what the
 * command's terminal shows on its own standard output, and follows the size of the one it reads from.
 */
function startLine(options: RunScriptOptions): string {
  const command = finalCommand(options).map(word).join(" ");
  if (options.input !== "terminal") return command;
  const program = requireProgram("script", options.executor);
  // The pipes are only for this program: the command's output goes to its terminal.
  return `${requireProgram("env", options.executor)} SHELL=/bin/sh ${word(program)} -q -e -f -c ${word(`exec ${command}`)} /dev/null`;
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

function finalCommand(options: RunScriptOptions): readonly string[] {
  const { executor, spec, space, environment } = options;
  const { uid } = spec.user;
  return [
    requireProgram("setpriv", executor),
    ...identity(options),
    "--inh-caps=-all",
    ...(spec.security === "sandbox" ? [SANDBOX_CAPABILITIES] : []),
    "--",
    requireProgram("env", executor),
    ...UNSET_SHELL_VARIABLES,
    "-u",
    "SHELL",
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
  const { uid, gid } = spec.user;
  if (space.ids === "all") {
    return groupArguments(spec.user);
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
