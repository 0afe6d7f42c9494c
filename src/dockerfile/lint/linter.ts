/** Takes the findings of the checks, leaves out what is skipped, and remembers whether there was any. */
import { type Diagnostic, OcibuildError, type Span } from "../../errors.js";
import { type CheckOptions, checkOptionsOfComment, type RuleSet } from "./check-options.js";
import { type ArgumentsOf, type RuleName, ruleNamed } from "./rules.js";

export class Linter {
  readonly #options: CheckOptions;
  readonly #onFinding: ((finding: Diagnostic) => void) | undefined;
  /** Shared with the linters that `within` makes. */
  readonly #violated: Set<RuleName>;

  /** @param onFinding gets each finding as it is made, equal ones as often as they come; without it nothing is reported */
  constructor(
    options: CheckOptions,
    onFinding: ((finding: Diagnostic) => void) | undefined,
    violated: Set<RuleName> = new Set(),
  ) {
    this.#options = options;
    this.#onFinding = onFinding;
    this.#violated = violated;
  }

  /** Reports a finding at `span`, unless the rule is skipped, or experimental and not asked for. */
  report<R extends RuleName>(name: R, span: Span, ...args: ArgumentsOf<R>): void {
    if (this.#onFinding === undefined) return;
    const { isExperimental, message, hint } = ruleNamed(name);
    const { skip, experimental } = this.#options;
    if (isExperimental ? !holds(experimental, name) : holds(skip, name)) return;
    this.#violated.add(name);
    this.#onFinding({ code: name, severity: "warning", message: message(...args), span, hint });
  }

  /** This linter as the comment lines above an instruction change it: `# check=skip=…` adds to what is skipped. */
  within(comments: readonly string[]): Linter {
    const more = comments.length === 0 ? undefined : checkOptionsOfComment(comments);
    if (more === undefined) return this;
    const { skip, experimental, error } = this.#options;
    const options = { skip: union(skip, more.skip), experimental: union(experimental, more.experimental), error };
    return new Linter(options, this.#onFinding, this.#violated);
  }

  /** @throws DOCKERFILE_CHECKS when there was a finding and `error=true` was given */
  assertClean(file: string): void {
    if (!this.#options.error || this.#violated.size === 0) return;
    const rules = [...this.#violated];
    throw new OcibuildError("DOCKERFILE_CHECKS", `lint violation found for rules: ${rules.join(", ")}`, {
      details: { file, rules },
      hint: "Correct what the warnings show, skip the rules (# check=skip=…), or leave out error=true.",
    });
  }
}

function holds(rules: RuleSet, name: string): boolean {
  return rules === "all" || rules.has(name);
}

function union(a: RuleSet, b: RuleSet): RuleSet {
  return a === "all" || b === "all" ? "all" : new Set([...a, ...b]);
}
