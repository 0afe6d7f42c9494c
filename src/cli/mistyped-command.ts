/** A word that was meant as a command is taken as a build context: the error then says which command may be meant. */
import { existsSync } from "node:fs";
import { resolve } from "node:path";
import { isOcibuildError, withHint } from "../errors.js";
import { nearestName } from "../util/suggest.js";
import { COMMANDS, leadingRoots } from "./commands.js";
import type { Io } from "./io.js";

/** With so few letters everything is near to something. */
const SHORT = 5;

/** `error` with a hint when the command line begins with what is nearly a command, and is no file or folder. */
export function withNearestCommand(error: unknown, { argv, cwd }: Pick<Io, "argv" | "cwd">): unknown {
  if (!isOcibuildError(error) || !(error.code === "CONTEXT_NOT_FOUND" || error.code.startsWith("OPTIONS_"))) {
    return error;
  }
  const word = argv[leadingRoots(argv)] ?? "";
  if (!/^[a-z]+\d?$/.test(word) || existsSync(resolve(cwd, word))) return error;
  const names = ["build", "help", ...COMMANDS.map(({ name }) => name)];
  const nearest = nearestName(word, names, word.length < SHORT ? 1 : 2);
  return nearest === undefined ? error : withHint(error, `Did you mean "ocibuild ${nearest}"?`);
}
