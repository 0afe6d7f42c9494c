/** Checks the flags of an instruction against the ones it knows. */

import { didYouMean } from "../util/suggest.js";
import type { Flag, Word } from "./ast.js";
import type { Fail } from "./diagnostics.js";

/** `bool` is set by `--name` alone; `list` may be repeated. */
export type FlagType = "bool" | "string" | "list";

/** The flags of each instruction that has any. */
const FLAGS = {
  FROM: { platform: "string" },
  RUN: { device: "list", mount: "list", network: "string", security: "string" },
  COPY: { chmod: "string", chown: "string", exclude: "list", from: "string", link: "bool", parents: "bool" },
  ADD: {
    checksum: "string",
    chmod: "string",
    chown: "string",
    exclude: "list",
    "keep-git-dir": "bool",
    link: "bool",
    unpack: "bool",
  },
  HEALTHCHECK: {
    interval: "string",
    retries: "string",
    "start-interval": "string",
    "start-period": "string",
    timeout: "string",
  },
} as const satisfies Record<string, Record<string, FlagType>>;

const FLAGS_BY_KIND: ReadonlyMap<string, ReadonlyMap<string, FlagType>> = new Map(
  Object.entries(FLAGS).map(([kind, flags]) => [kind, new Map(Object.entries<FlagType>(flags))]),
);

/** The flags given, by name. */
export interface FlagValues {
  /** `undefined` when not given. */
  bool(name: string): boolean | undefined;
  string(name: string): Word | undefined;
  list(name: string): readonly Word[];
}

/** Reads the flags of `kind`; `undefined` after reporting the first that it does not know or cannot take. */
export function parseFlags(kind: string, flags: readonly Flag[], fail: Fail): FlagValues | undefined {
  const known = FLAGS_BY_KIND.get(kind) ?? new Map<string, FlagType>();
  const bools = new Map<string, boolean>();
  const words = new Map<string, Word[]>();
  for (const { name, value, span, valueSpan } of flags) {
    const type = known.get(name);
    if (type === undefined) {
      const message = `unknown flag: --${name}${didYouMean(name, known.keys())}`;
      return fail("unknown-flag", message, span, unknownFlagHint(kind, name, [...known.keys()]));
    }
    if (type !== "list" && (bools.has(name) || words.has(name))) {
      return fail("duplicate-flag", `duplicate flag specified: --${name}`, span, "remove one of the two");
    }
    if (type === "bool") {
      const lower = value?.toLowerCase() ?? "true";
      if (lower === "")
        return fail("flag-value-missing", `missing a value on flag: --${name}`, span, `write --${name}`);
      if (lower !== "true" && lower !== "false") {
        const message = `expecting boolean value for flag --${name}, not: ${value}`;
        return fail("flag-value-invalid", message, span, `write --${name} or --${name}=false`);
      }
      bools.set(name, lower === "true");
    } else if (value === undefined) {
      return fail(
        "flag-value-missing",
        `missing a value on flag: --${name}`,
        span,
        `write --${name}=value: a blank does not do`,
      );
    } else {
      const word = { value, span: valueSpan ?? span };
      const list = words.get(name);
      if (list === undefined) words.set(name, [word]);
      else list.push(word);
    }
  }
  return {
    bool: (name) => bools.get(name),
    string: (name) => words.get(name)?.[0],
    list: (name) => words.get(name) ?? [],
  };
}

function unknownFlagHint(kind: string, name: string, known: readonly string[]): string {
  const lower = name.toLowerCase();
  if (lower !== name && known.includes(lower)) return `flags are lower case: --${lower}`;
  const swapped = known.find((flag) => sortedLetters(flag) === sortedLetters(name));
  if (swapped !== undefined) return `write --${swapped}`;
  const owners = [...FLAGS_BY_KIND].filter(([, flags]) => flags.has(name)).map(([owner]) => owner);
  if (owners.length > 0) return `--${name} is a flag of ${owners.join(" and ")}, not of ${kind}`;
  if (known.length > 0) return `flags of ${kind}: ${known.map((flag) => `--${flag}`).join(", ")}`;
  return `${kind} takes no flags; an argument that begins with -- needs a -- before it: ${kind} -- --${name}`;
}

/** Equal for names that differ in the order of their letters. */
function sortedLetters(name: string): string {
  return [...name].sort().join("");
}
