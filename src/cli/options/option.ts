/** What an option of the command line is: either it does something, or it is refused by name. There is no third kind. */
import type { BuildRequest } from "./build-request.js";

interface Named {
  /** Without dashes: `build-arg`. */
  readonly name: string;
  /** One letter. */
  readonly short?: string;
}

/** Headings of `--help`, in its order. */
export const GROUPS = [
  "What to build",
  "Instead of building",
  "RUN",
  "Result",
  "Cache",
  "Registries",
  "Messages",
] as const;

interface Described extends Named {
  readonly group: (typeof GROUPS)[number];
  readonly help: string;
}

/** An option with a value; given several times, the last one counts unless `apply` collects them. */
export interface ValueOption extends Described {
  readonly kind: "value";
  /** What stands for the value in `--help`. */
  readonly placeholder: string;
  readonly apply: (request: BuildRequest, value: string) => void;
}

/** An option without a value, or with `=true` or `=false`. */
export interface SwitchOption extends Described {
  readonly kind: "switch";
  readonly apply: (request: BuildRequest, on: boolean) => void;
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

export type CommandLineOption = ValueOption | SwitchOption | RefusedOption;

const TRUE = /^(?:1|t|T|TRUE|true|True)$/;
const FALSE = /^(?:0|f|F|FALSE|false|False)$/;

/** As Go reads a boolean, which is how docker reads them; `undefined` for anything else. */
export function parseSwitchValue(text: string): boolean | undefined {
  if (TRUE.test(text)) return true;
  return FALSE.test(text) ? false : undefined;
}
