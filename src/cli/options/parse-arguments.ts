/** Arguments → request, as docker reads them: options anywhere, `--name value`, `--name=value`, `-qt value`, `--`. */
import { Command, CommanderError, Option } from "commander";
import { OcibuildError } from "../../errors.js";
import { nearestName } from "../../util/suggest.js";
import { type CommandLineOption, type CommonRequest, type OptionTable, parseSwitchValue } from "./option.js";

export interface ParsedArguments<R> {
  readonly request: R;
  /** What is no option: the build context, names of images. */
  readonly operands: readonly string[];
}

/**
 * Reads `args`, the words after the command, by the command's table.
 * @throws OPTIONS_UNKNOWN_KEY, OPTIONS_UNSUPPORTED, OPTIONS_INVALID
 */
export function parseArguments<R extends CommonRequest>(
  table: OptionTable<R>,
  args: readonly string[],
): ParsedArguments<R> {
  const request = table.emptyRequest();
  const refusals: OcibuildError[] = [];
  const command = new Command("ocibuild")
    .helpOption(false)
    .exitOverride()
    .configureOutput({ writeErr: () => {} })
    .passThroughOptions(table.optionsFirst ?? false);
  for (const entry of table.options) {
    const take = (value: string): void => takeValue(entry, withoutShortEquals(entry, value, args), request, refusals);
    command.addOption(commanderOption(entry, take));
  }
  addWrittenSwitches(command, table, args, request, refusals);
  const { operands, unknown } = parsed(command, args);
  if (!request.help) {
    const [first] = unknown;
    if (first !== undefined) throw unknownOption(table, first);
    const [refusal] = refusals;
    if (refusal !== undefined) throw refusal;
  }
  return { request, operands };
}

/** The catalogue's option in commander's terms. It keeps nothing: `take` gets each value as it comes. */
function commanderOption<R>(entry: CommandLineOption<R>, take: (value: string) => void): Option {
  const flags = entry.short === undefined ? `--${entry.name}` : `-${entry.short}, --${entry.name}`;
  return isSwitch(entry)
    ? new Option(flags).preset("true").argParser(take)
    : new Option(`${flags} <value>`).argParser(take);
}

/** Commander's switches know no `--push=false`, so those that occur are made known as options of their own. */
function addWrittenSwitches<R extends CommonRequest>(
  command: Command,
  table: OptionTable<R>,
  args: readonly string[],
  request: R,
  refusals: OcibuildError[],
): void {
  for (const word of new Set(args)) {
    const equals = word.indexOf("=");
    const entry = word.startsWith("--") && equals !== -1 ? optionNamed(table, word.slice(2, equals)) : undefined;
    const value = word.slice(equals + 1);
    if (entry === undefined || !isSwitch(entry) || parseSwitchValue(value) === undefined) continue;
    const take = (): void => takeValue(entry, value, request, refusals);
    command.addOption(new Option(word).preset("true").argParser(take));
  }
}

function takeValue<R>(entry: CommandLineOption<R>, value: string, request: R, refusals: OcibuildError[]): void {
  switch (entry.kind) {
    case "value":
      entry.apply(request, value);
      break;
    case "switch":
      entry.apply(request, parseSwitchValue(value) === true);
      break;
    case "refused":
      if (!entry.isDefault(value)) refusals.push(refusalOf(entry.name, value, entry.isSwitch, entry.hint));
      break;
    default:
      entry satisfies never;
  }
}

function parsed(command: Command, args: readonly string[]): { operands: string[]; unknown: string[] } {
  try {
    return command.parseOptions([...args]);
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    // The only complaint that is possible here: the last word is an option that wants a value.
    const last = args.at(-1) ?? "";
    throw new OcibuildError("OPTIONS_INVALID", `option "${last}" expected a value but got none`, {
      details: { option: last },
    });
  }
}

/** `-t=app` means `-t app`, as docker reads it. */
function withoutShortEquals<R>(entry: CommandLineOption<R>, value: string, args: readonly string[]): string {
  if (entry.short === undefined || !value.startsWith("=")) return value;
  const end = `${entry.short}${value}`;
  return args.some((word) => /^-[^-]/.test(word) && word.endsWith(end)) ? value.slice(1) : value;
}

function isSwitch<R>(entry: CommandLineOption<R>): boolean {
  return entry.kind === "switch" || (entry.kind === "refused" && entry.isSwitch);
}

function optionNamed<R extends CommonRequest>(
  { options }: OptionTable<R>,
  name: string,
): CommandLineOption<R> | undefined {
  return options.find((entry) => entry.name === name);
}

function refusalOf(name: string, value: string, withoutValue: boolean, hint: string): OcibuildError {
  const shown = withoutValue ? `--${name}` : `--${name} ${value.length > 100 ? `${value.slice(0, 100)}…` : value}`;
  return new OcibuildError("OPTIONS_UNSUPPORTED", `option "${shown}" is not supported by this version`, {
    details: { option: `--${name}` },
    hint,
  });
}

function unknownOption<R extends CommonRequest>(table: OptionTable<R>, word: string): OcibuildError {
  if (word.startsWith("-=")) {
    throw new OcibuildError("OPTIONS_INVALID", `"${word.slice(1)}" follows a short option that takes no value`, {
      details: { option: word },
      hint: 'Write the long form, for example "--quiet=false".',
    });
  }
  const equals = word.indexOf("=");
  const flag = equals === -1 ? word : word.slice(0, equals);
  const known = flag.startsWith("--") ? optionNamed(table, flag.slice(2)) : undefined;
  if (known !== undefined) {
    const got = word.slice(equals + 1);
    return new OcibuildError("OPTIONS_INVALID", `option "${flag}" expected true or false but got "${got}"`, {
      details: { option: flag },
    });
  }
  const nearest = nearestOption(table, flag.replace(/^-+/, ""));
  return new OcibuildError("OPTIONS_UNKNOWN_KEY", `option "${flag}" is unknown`, {
    details: { option: flag, ...(nearest === undefined ? {} : { nearest }) },
    ...(nearest === undefined ? {} : { hint: `Did you mean "${nearest}"?` }),
  });
}

function nearestOption<R extends CommonRequest>(table: OptionTable<R>, name: string): string | undefined {
  if (name.length < 2) return undefined;
  const names = table.options.map((entry) => entry.name);
  // An option whose name only begins like this is meant more often than one that differs in a letter.
  const begun = names.includes(name) ? name : names.find((candidate) => candidate.startsWith(name));
  const nearest = begun ?? nearestName(name, names);
  return nearest === undefined ? undefined : `--${nearest}`;
}
