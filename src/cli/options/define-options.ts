/** The options of a command as one object: what it is called, what it holds, what `--help` says. */
import {
  type CommandLineOption,
  type CommonRequest,
  type HonouredOption,
  type OptionTable,
  parseSwitchValue,
} from "./option.js";

interface Wording {
  /** One letter. */
  readonly short?: string;
  readonly help: string;
  /** Heading of `--help`; `Options` unless given. */
  readonly group?: string;
}

export interface FlagDefinition extends Wording {
  readonly kind: "flag";
  /** What it is when nobody says; false unless given. */
  readonly initially?: boolean;
}

export interface TextDefinition extends Wording {
  readonly kind: "text";
  readonly placeholder: string;
}

export interface ListDefinition extends Wording {
  readonly kind: "list";
  readonly placeholder: string;
}

export interface RefusedDefinition {
  readonly kind: "refused";
  readonly short?: string;
  readonly isSwitch: boolean;
  readonly hint: string;
  readonly isDefault?: (value: string) => boolean;
}

export type OptionDefinition = FlagDefinition | TextDefinition | ListDefinition | RefusedDefinition;
/** By name in camel case: `noTrunc` is `--no-trunc`. */
export type OptionDefinitions = Readonly<Record<string, OptionDefinition>>;

type ValueOf<D extends OptionDefinition> = D extends FlagDefinition
  ? boolean
  : D extends ListDefinition
    ? string[]
    : string | undefined;

/** What the words of a command line come to. */
export type RequestOf<D extends OptionDefinitions> = CommonRequest & {
  -readonly [K in keyof D as D[K] extends RefusedDefinition ? never : K]: ValueOf<D[K]>;
};

/** A switch. */
export function flag(words: Omit<FlagDefinition, "kind">): FlagDefinition {
  return { kind: "flag", ...words };
}

/** An option with a value, of which the last counts. */
export function text(words: Omit<TextDefinition, "kind">): TextDefinition {
  return { kind: "text", ...words };
}

/** An option with a value that can be repeated. */
export function list(words: Omit<ListDefinition, "kind">): ListDefinition {
  return { kind: "list", ...words };
}

/** An option of docker's that cannot be honoured. */
export function refused(words: Omit<RefusedDefinition, "kind" | "isSwitch">): RefusedDefinition {
  return { kind: "refused", isSwitch: false, ...words };
}

/** A switch of docker's that cannot be honoured; `=false` is what happens anyway. */
export function refusedFlag(words: Omit<RefusedDefinition, "kind" | "isSwitch">): RefusedDefinition {
  return { kind: "refused", isSwitch: true, isDefault: (value) => parseSwitchValue(value) === false, ...words };
}

const HELP: FlagDefinition = { kind: "flag", short: "h", help: "Show this and do nothing" };
const GROUP = "Options";

/** The table of `definitions`, and `--help`. `optionsFirst` as `OptionTable` says. */
export function optionTable<D extends OptionDefinitions>(
  definitions: D,
  { optionsFirst = false }: { readonly optionsFirst?: boolean } = {},
): OptionTable<RequestOf<D>> {
  // `-h` belongs to whoever wants it.
  const isTaken = Object.values(definitions).some(({ short }) => short === HELP.short);
  const help = isTaken ? { ...HELP, short: undefined } : HELP;
  const all: [string, OptionDefinition][] = [...Object.entries(definitions), ["help", help as FlagDefinition]];
  const options = all.map(([key, definition]) => optionOf<RequestOf<D>>(key, definition));
  const groups = [...new Set(options.flatMap((option) => ("group" in option ? [option.group] : [])))];
  const emptyRequest = (): RequestOf<D> =>
    Object.fromEntries(
      all.flatMap(([key, definition]) => (definition.kind === "refused" ? [] : [[key, emptyValue(definition)]])),
    ) as RequestOf<D>;
  return { options, groups, optionsFirst, emptyRequest };
}

function optionOf<R>(key: string, definition: OptionDefinition): CommandLineOption<R> {
  const name = key.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
  const { short } = definition;
  const named = { name, ...(short === undefined ? {} : { short }) };
  if (definition.kind === "refused") {
    const { isSwitch, hint, isDefault = () => false } = definition;
    return { kind: "refused", ...named, isSwitch, hint, isDefault };
  }
  const { help, group = GROUP } = definition;
  return { ...named, help, group, ...effectOf(key, definition) } as HonouredOption<R>;
}

/** The part of an option that fills the request. */
function effectOf(key: string, definition: Exclude<OptionDefinition, RefusedDefinition>): object {
  const set = (request: Record<string, unknown>, value: unknown): void => {
    request[key] = value;
  };
  const collect = (request: Record<string, string[]>, value: string): void => void request[key]!.push(value);
  if (definition.kind === "flag") return { kind: "switch", apply: set };
  return {
    kind: "value",
    placeholder: definition.placeholder,
    apply: definition.kind === "list" ? collect : set,
  };
}

function emptyValue(definition: Exclude<OptionDefinition, RefusedDefinition>): unknown {
  if (definition.kind === "flag") return definition.initially ?? false;
  return definition.kind === "list" ? [] : undefined;
}
