/** The parser of each instruction. */
import type { Instruction } from "../ast.js";
import { parseArg } from "./arg.js";
import { parseCmd, parseEntrypoint, parseShell } from "./command.js";
import { parseFrom } from "./from.js";
import { parseHealthcheck } from "./healthcheck.js";
import { parseOnbuild } from "./onbuild.js";
import { parseEnv, parseLabel } from "./pairs.js";
import type { Request } from "./request.js";
import { parseRun } from "./run.js";
import { parseExpose, parseMaintainer, parseStopsignal, parseUser, parseVolume, parseWorkdir } from "./simple.js";
import { parseAdd, parseCopy } from "./transfer.js";

/** Makes the instruction, or reports one problem. */
export type InstructionParser = (request: Request, lineText: string) => Instruction | undefined;

/** By keyword in upper case; the order decides between equally near suggestions. */
export const INSTRUCTIONS: ReadonlyMap<string, InstructionParser> = new Map<string, InstructionParser>([
  ["FROM", parseFrom],
  ["RUN", parseRun],
  ["COPY", parseCopy],
  ["ENV", parseEnv],
  ["ARG", parseArg],
  ["WORKDIR", parseWorkdir],
  ["CMD", parseCmd],
  ["ENTRYPOINT", parseEntrypoint],
  ["EXPOSE", parseExpose],
  ["USER", parseUser],
  ["LABEL", parseLabel],
  ["ADD", parseAdd],
  ["VOLUME", parseVolume],
  ["HEALTHCHECK", parseHealthcheck],
  ["SHELL", parseShell],
  ["STOPSIGNAL", parseStopsignal],
  ["ONBUILD", parseOnbuild],
  ["MAINTAINER", parseMaintainer],
]);
