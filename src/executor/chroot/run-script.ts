/**
 * What the shell does that becomes the command: it marks itself, waits until we have seen that, and changes its root. Read
 * from standard input, so that secrets are in no process list.
 */
import { type ByteString, bytesOf } from "../../util/bytes.js";
import type { RunSpec } from "../contract.js";
import type { CommandEnvironment } from "../kit/command-environment.js";
import { executorUnsupported } from "../kit/failures.js";
import { requireProgram } from "../kit/programs.js";
import { shellWord } from "../kit/quote.js";
import { groupArguments, limitLines, SANDBOX_CAPABILITIES, UNSET_SHELL_VARIABLES } from "../kit/script-words.js";
import { markArgument } from "./marked-processes.js";

export interface RunScriptOptions {
  readonly executor: string;
  readonly spec: RunSpec;
  /** Absolute path of the root file system. */
  readonly root: ByteString;
  /** Working directory below `root`, without symlinks. */
  readonly cwd: ByteString;
  readonly environment: CommandEnvironment;
  readonly mark: string;
}

/** The script says `M` on descriptor 3 when it is marked, goes on when it reads a line, and says `R` before the command. */
export function runScript({ executor, spec, root, cwd, environment, mark }: RunScriptOptions): ByteString {
  if (spec.ulimits.some(({ name }) => name === "rttime")) {
    throw executorUnsupported(executor, "ulimit rttime", `the limit "rttime" marks the processes of this executor`);
  }
  const prlimit = shellWord(requireProgram("prlimit", executor));
  const command = [
    requireProgram("setpriv", executor),
    ...groupArguments(spec.user),
    "--inh-caps=-all",
    SANDBOX_CAPABILITIES,
    "--",
    requireProgram("env", executor),
    ...UNSET_SHELL_VARIABLES,
    "--",
    ...environment.direct,
    requireProgram("nsenter", executor),
    "--root=.",
    `--wd=./${cwd}`,
    ...(spec.user.uid === 0 ? [] : [`--setuid=${spec.user.uid}`]),
    "--",
    ...environment.prefix,
    ...spec.args.map(bytesOf),
  ];
  const lines = [
    'fail() { echo "$1" >&3; exit 125; }',
    "main() {",
    "umask 022",
    `${prlimit} --pid $$ ${markArgument(mark)} >&3 2>&3 || fail "marking the process failed"`,
    "echo M >&3",
    "read -r go || exit 125",
    `cd ${shellWord(root)} || fail "the root file system is gone"`,
    ...limitLines(executor, spec.ulimits),
    ...environment.exported.map(([name, value]) => `export ${name}=${shellWord(value)}`),
    "echo R >&3",
    `exec ${command.map(shellWord).join(" ")} </dev/null 3>&-`,
    "}",
    "main",
    "",
  ];
  return lines.join("\n") as ByteString;
}
