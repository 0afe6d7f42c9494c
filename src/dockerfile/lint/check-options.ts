/**
 * What the checks of a build are told: `skip=…`, `experimental=…` and `error=…`, from `# check=` at the top of the
 * Dockerfile, from the build argument BUILDKIT_DOCKERFILE_CHECK, or from a comment above an instruction.
 * @spec Dockerfile reference, "check" directive
 */
import { OcibuildError } from "../../errors.js";
import { goQuote } from "../../util/go-format.js";
import { locate } from "../../util/source-text.js";
import type { Dockerfile } from "../ast.js";
import { parseBool } from "../parse-bool.js";
import { trimSpace } from "../whitespace.js";
import { isRuleName, type RuleName } from "./rules.js";

/** Rules by name; `all` for every one. */
export type RuleSet = "all" | ReadonlySet<RuleName>;

export interface CheckOptions {
  /** Not reported; experimental rules are not skipped by this. */
  readonly skip: RuleSet;
  /** Experimental rules that are on. */
  readonly experimental: RuleSet;
  /** Findings make the build fail. */
  readonly error: boolean;
}

/** The build argument that says what to check, in the place of the directive. */
export const CHECK_ARGUMENT = "BUILDKIT_DOCKERFILE_CHECK";

const NO_RULES: ReadonlySet<RuleName> = new Set();

/** The options that are in force when nobody says anything. */
const DEFAULTS: CheckOptions = { skip: NO_RULES, experimental: NO_RULES, error: false };

/** At most this many parts are told apart: the last one keeps its semicolons. */
const MAX_PARTS = 3;

/** Reads `skip=A,B;error=true`; or what is wrong with it, in BuildKit's words. Names that are no rule mean nothing. */
export function parseCheckOptions(text: string): CheckOptions | { readonly problem: string } {
  const trimmed = trimSpace(text);
  if (trimmed === "") return DEFAULTS;
  const parts = trimmed.split(";");
  const options = { ...DEFAULTS };
  for (const part of [...parts.slice(0, MAX_PARTS - 1), ...lastOf(parts)]) {
    const equals = part.indexOf("=");
    if (equals === -1) return { problem: `invalid check option ${goQuote(part)}` };
    const key = trimSpace(part.slice(0, equals));
    const value = trimSpace(part.slice(equals + 1));
    switch (key) {
      case "skip":
      case "experimental":
        options[key] = value === "all" ? "all" : new Set(value.split(",").map(trimSpace).filter(isRuleName));
        break;
      case "error": {
        const error = parseBool(value);
        if (error === undefined) {
          const reason = `strconv.ParseBool: parsing ${goQuote(value)}: invalid syntax`;
          return { problem: `failed to parse check option ${goQuote(part)}: ${reason}` };
        }
        options.error = error;
        break;
      }
      default:
        return { problem: `invalid check option ${goQuote(key)}` };
    }
  }
  return options;
}

function lastOf(parts: readonly string[]): readonly string[] {
  const rest = parts.slice(MAX_PARTS - 1);
  return rest.length === 0 ? [] : [rest.join(";")];
}

const HINT =
  "Expected skip=Rule,Rule or skip=all, experimental=Rule or all, and error=true, joined by ; without blanks.";

/**
 * The options for a build of `dockerfile`. The build argument, if it is given, is the only one that counts.
 * @throws PLAN_INVALID, OPTIONS_INVALID
 */
export function checkOptionsOf(
  dockerfile: Pick<Dockerfile, "source" | "directives">,
  buildArgs: ReadonlyMap<string, string>,
): CheckOptions {
  const argument = buildArgs.get(CHECK_ARGUMENT);
  if (argument !== undefined) {
    const options = parseCheckOptions(argument);
    if (!("problem" in options)) return options;
    throw new OcibuildError("OPTIONS_INVALID", `failed to parse build-arg:${CHECK_ARGUMENT}: ${options.problem}`, {
      details: { option: "--build-arg" },
      hint: HINT,
    });
  }
  const { source, directives } = dockerfile;
  const directive = directives.find(({ name }) => name === "check");
  if (directive === undefined) return DEFAULTS;
  const options = parseCheckOptions(firstWord(directive.value));
  if (!("problem" in options)) return options;
  throw new OcibuildError("PLAN_INVALID", `failed to parse check options: ${options.problem}`, {
    details: { file: source.name },
    location: locate(source, directive.span),
    hint: HINT,
  });
}

/** What the first `check=` among the comment lines above an instruction says; `undefined` when there is none. */
export function checkOptionsOfComment(comments: readonly string[]): CheckOptions | undefined {
  for (const comment of comments) {
    const match = /^check[\t\n\f\r ]*=[\t\n\f\r ]*([^ ]+)/i.exec(comment);
    if (match === null) continue;
    const options = parseCheckOptions(match[1]!);
    return "problem" in options ? undefined : options;
  }
  return undefined;
}

/** A directive's value ends at the first blank. */
function firstWord(value: string): string {
  const blank = value.indexOf(" ");
  return blank === -1 ? value : value.slice(0, blank);
}
