/** What an option of the command line is: either it does something, or it is refused by name. There is no third kind. */

interface Named {
  /** Without dashes: `build-arg`. */
  readonly name: string;
  /** One letter. */
  readonly short?: string;
}

interface Described extends Named {
  /** Heading of `--help` that it stands under. */
  readonly group: string;
  readonly help: string;
}

/** An option with a value; given several times, the last one counts unless `apply` collects them. */
export interface ValueOption<R> extends Described {
  readonly kind: "value";
  /** What stands for the value in `--help`. */
  readonly placeholder: string;
  readonly apply: (request: R, value: string) => void;
}

/** An option without a value, or with `=true` or `=false`. */
export interface SwitchOption<R> extends Described {
  readonly kind: "switch";
  readonly apply: (request: R, on: boolean) => void;
}

/** An option that this version cannot honour. */
export interface RefusedOption extends Named {
  readonly kind: "refused";
  /** Whether it is a switch, which takes no value but `=true` and `=false`. */
  readonly isSwitch: boolean;
  /** The fix, as one sentence. */
  readonly hint: string;
  /** True for values that ask for what happens anyway, such as `--network default`. */
  readonly isDefault: (value: string) => boolean;
}

export type HonouredOption<R> = ValueOption<R> | SwitchOption<R>;
export type CommandLineOption<R> = HonouredOption<R> | RefusedOption;

/** What every command can be asked for. */
export interface CommonRequest {
  help: boolean;
}

/** The options of a command, and what they fill. */
export interface OptionTable<R extends CommonRequest> {
  readonly options: readonly CommandLineOption<R>[];
  /** Headings of `--help`, in its order. */
  readonly groups: readonly string[];
  /** Whether the first word that is no option ends the options: what follows belongs to another program. */
  readonly optionsFirst?: boolean;
  /** A request that asks for nothing. */
  readonly emptyRequest: () => R;
}

const TRUE = /^(?:1|t|T|TRUE|true|True)$/;
const FALSE = /^(?:0|f|F|FALSE|false|False)$/;

/** As Go reads a boolean, which is how docker reads them; `undefined` for anything else. */
export function parseSwitchValue(text: string): boolean | undefined {
  if (TRUE.test(text)) return true;
  return FALSE.test(text) ? false : undefined;
}
