/** The words that can stand first on the command line instead of options and a build context. */
import { OcibuildError } from "../errors.js";

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
  "prune",
  "du",
  "context",
  "plan",
  "run",
];

export type Command = "build" | "help";

/**
 * The command and its arguments: `build` unless the first word says otherwise.
 * @throws OPTIONS_UNSUPPORTED for a command that is not in this version
 */
export function splitCommand(argv: readonly string[]): { readonly command: Command; readonly args: readonly string[] } {
  const [first, ...rest] = argv;
  if (first === "build" || first === "help") return { command: first, args: rest };
  if (first !== undefined && REFUSED_COMMANDS.includes(first)) {
    throw new OcibuildError("OPTIONS_UNSUPPORTED", `command "${first}" is not in this version`, {
      details: { option: first },
      hint: `To build the folder of that name, write "./${first}".`,
    });
  }
  return { command: "build", args: argv };
}
