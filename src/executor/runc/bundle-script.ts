/**
 * What stands between the namespaces that we make and the runtime: mounts, the bundle, and word of how it went. Read from
 * standard input, and the bundle kept in memory, as it may hold secrets.
 */
import { type ByteString, bytesOf } from "../../util/bytes.js";
import { requireProgram, systemProgram } from "../kit/programs.js";
import { shellWord } from "../kit/quote.js";
import { inputRedirection, type RunInput } from "../overlay/run-style.js";
import { type Runtime, runtimeCommand } from "./runtime.js";

export interface BundleScriptOptions {
  readonly executor: string;
  readonly runtime: Runtime;
  readonly folder: string;
  readonly config: string;
  readonly hasNetwork: boolean;
  /** Lines that run before the mounts are made, in the run's folder. */
  readonly before: readonly string[];
  readonly input: RunInput;
}

/** How runtimes say that the program is there and cannot be executed: the command's fault, not theirs. */
const NOT_EXECUTABLE = [
  "*'unable to start container process: exec: '*': permission denied'*",
  "*'unable to start container process: exec: '*': is a directory'*",
  "*'open executable'*",
  "*'exec format error'*",
  "*'Exec format error'*",
].join("|");
/** And that it is not there. */
const NOT_FOUND = ["*'unable to start container process: exec: '*", "*'executable file '*' not found'*"].join("|");

/** The script; `R` is its last word on descriptor 3 unless the runtime failed. Mounts are in `folder`/fstab. */
export function bundleScript(options: BundleScriptOptions): ByteString {
  const { executor, runtime, folder, config, hasNetwork, before, input } = options;
  const program = (name: string): string => shellWord(requireProgram(name, executor));
  const ip = systemProgram("ip");
  const command = runtimeCommand(runtime, folder).map((word) => shellWord(bytesOf(word)));
  const lines = [
    'fail() { echo "$1" >&3; exit 125; }',
    "main() {",
    "umask 022",
    `cd ${shellWord(bytesOf(folder))} || fail "the folder of the run is gone"`,
    ...before,
    `LIBMOUNT_FORCE_MOUNT2=always ${program("mount")} -n -a -T fstab >&3 2>&3 || fail "mounting failed"`,
    ...(hasNetwork || ip === undefined ? [] : [`${shellWord(ip)} link set lo up 2>/dev/null`]),
    `printf %s ${shellWord(bytesOf(config))} > bundle/config.json || fail "keeping the bundle failed"`,
    `${command.join(" ")} ${inputRedirection(input)} 3>&-`,
    "code=$?",
    '[ "$code" -eq 0 ] || {',
    `said=$(${program("cat")} bundle/log 2>/dev/null)`,
    'case "$said" in',
    `${NOT_EXECUTABLE}) echo R >&3; exit 126;;`,
    `${NOT_FOUND}) echo R >&3; exit 127;;`,
    `*'"level":"error"'*|*'"level":"fatal"'*) echo "$said" >&3; exit 125;;`,
    "esac",
    "}",
    "echo R >&3",
    'exit "$code"',
    "}",
    "main",
    "",
  ];
  return lines.join("\n") as ByteString;
}
