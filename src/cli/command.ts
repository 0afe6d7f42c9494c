/** A command other than `build`: its words and options in one place, its work in one function. */
import { EXIT_DONE } from "./exit-codes.js";
import type { Io } from "./io.js";
import { optionError } from "./option-error.js";
import {
  type OptionDefinitions,
  optionTable,
  type RefusedDefinition,
  type RequestOf,
} from "./options/define-options.js";
import { formatHelp } from "./options/format-help.js";
import type { CommandLineOption } from "./options/option.js";
import { parseArguments } from "./options/parse-arguments.js";

/** A command whose options nobody but itself has to know. */
export interface Command {
  readonly name: string;
  // biome-ignore lint/suspicious/noExplicitAny: what the options fill is the command's own affair
  readonly options: readonly CommandLineOption<any>[];
  /** Exit code of whatever goes wrong before its work is done, where the usual ones mean something else. */
  readonly failedCode?: number;
  /** The text of `--help`. */
  help(columns: number | undefined): string;
  /** Runs it with the words that follow its name; gives the exit code. @throws OPTIONS_… before anything is done */
  start(io: Io, args: readonly string[]): Promise<number>;
}

export interface CommandDefinition<D extends OptionDefinitions> {
  readonly name: string;
  /** What follows the name: `[OPTIONS] SOURCE_IMAGE[:TAG] TARGET_IMAGE[:TAG]`. */
  readonly usage: string;
  /** One paragraph. */
  readonly description: string;
  readonly options: D;
  /** Options of docker's that cannot be honoured. */
  readonly refused?: Readonly<Record<string, RefusedDefinition>>;
  /** How many words that are no options it takes. */
  readonly operands: { readonly min: number; readonly max: number };
  /** Whether its first operand ends the options. */
  readonly optionsFirst?: boolean;
  readonly failedCode?: number;
  /** Gives the exit code. */
  readonly run: (io: Io, request: RequestOf<D>, operands: readonly string[]) => Promise<number>;
}

export function defineCommand<D extends OptionDefinitions>(definition: CommandDefinition<D>): Command {
  const { name, usage, description, operands: wanted, optionsFirst = false, run } = definition;
  const table = optionTable<D>({ ...definition.options, ...definition.refused }, { optionsFirst });
  const help = (columns: number | undefined): string =>
    formatHelp({ usage: `${name} ${usage}`, description, table }, columns);
  return {
    name,
    options: table.options,
    ...(definition.failedCode === undefined ? {} : { failedCode: definition.failedCode }),
    help,
    start: async (io, args) => {
      const { request, operands } = parseArguments(table, args);
      if (request.help) {
        io.stdout.write(help(io.stdout.columns));
        return EXIT_DONE;
      }
      if (operands.length < wanted.min || operands.length > wanted.max) {
        const message = `"ocibuild ${name}" requires ${amount(wanted)} but got ${operands.length}`;
        throw optionError(name, message, `Usage: ocibuild ${name} ${usage}`);
      }
      return run(io, request, operands);
    },
  };
}

function amount({ min, max }: { readonly min: number; readonly max: number }): string {
  if (max === 0) return "no arguments";
  if (min === max) return `${min} ${min === 1 ? "argument" : "arguments"}`;
  if (max === Number.POSITIVE_INFINITY) return `at least ${min} ${min === 1 ? "argument" : "arguments"}`;
  return min === 0 ? `at most ${max} ${max === 1 ? "argument" : "arguments"}` : `${min} to ${max} arguments`;
}
