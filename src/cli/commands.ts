/** The words that can stand first on the command line instead of options and a build context. */
import { OcibuildError } from "../errors.js";
import { nearestName } from "../util/suggest.js";
import type { Command } from "./command.js";

/** A command that is loaded when it is asked for. */
export interface CommandEntry {
  readonly name: string;
  /** One line for `ocibuild --help`. */
  readonly summary: string;
  readonly load: () => Promise<Command>;
}

/** Every command but `build`, in the order of `--help`. */
export const COMMANDS: readonly CommandEntry[] = [
  {
    name: "plan",
    summary: "Show what a build would do, and why",
    load: async () => (await import("./inspect/plan-command.js")).command,
  },
  {
    name: "context",
    summary: "Show what a build context holds, and why",
    load: async () => (await import("./inspect/context-command.js")).command,
  },
  {
    name: "du",
    summary: "Show what the store takes on the disk",
    load: async () => (await import("./store/du-command.js")).default,
  },
  {
    name: "prune",
    summary: "Remove what can be made again from the store",
    load: async () => (await import("./store/prune-command.js")).default,
  },
];

/** Commands that the design has and this version has not. */
export const REFUSED_COMMANDS: readonly string[] = [
  "pull",
  "push",
  "tag",
  "images",
  "rmi",
  "inspect",
  "history",
  "save",
  "load",
  "login",
  "logout",
  "diff",
  "commit",
  "copy",
  "run",
];

export type SplitCommand =
  | { readonly command: "build" | "help"; readonly args: readonly string[] }
  | { readonly command: CommandEntry; readonly args: readonly string[] };

/**
 * The command and its arguments: `build` unless the first word says otherwise.
 * @throws OPTIONS_UNSUPPORTED for a command that is not in this version
 */
export function splitCommand(argv: readonly string[]): SplitCommand {
  const [first, ...rest] = argv;
  if (first === "build" || first === "help") return { command: first, args: rest };
  const command = first === undefined ? undefined : commandNamed(first);
  return command === undefined ? { command: "build", args: argv } : { command, args: rest };
}

/** The command `name`, if there is one. @throws OPTIONS_UNSUPPORTED for one that is not in this version */
export function commandNamed(name: string): CommandEntry | undefined {
  if (REFUSED_COMMANDS.includes(name)) {
    throw new OcibuildError("OPTIONS_UNSUPPORTED", `command "${name}" is not in this version`, {
      details: { option: name },
      hint: `To build the folder of that name, write "./${name}".`,
    });
  }
  return COMMANDS.find((entry) => entry.name === name);
}

/** The command that `name` may be meant to be. */
export function nearestCommand(name: string): string | undefined {
  return nearestName(
    name,
    COMMANDS.map((entry) => entry.name),
  );
}
