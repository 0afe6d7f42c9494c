/** Takes the findings of the checks, leaves out what is skipped, and remembers whether there was any. */
import { type Diagnostic, OcibuildError, type Span } from "../../errors.js";
import { type CheckOptions, checkOptionsOfComment, type RuleSet } from "./check-options.js";
import { type ArgumentsOf, type RuleName, ruleNamed } from "./rules.js";

/** Findings beyond this many help nobody, and are left out. */
const MAX_FINDINGS = 10_000;

/** What a linter shares with those that `within` makes of it. */
interface Log {
  readonly onFinding: (finding: Diagnostic) => void;
  readonly violated: Set<RuleName>;
  count: number;
}

export class Linter {
  readonly #options: CheckOptions;
  readonly #log: Log | undefined;

  private constructor(options: CheckOptions, log: Log | undefined) {
    this.#options = options;
    this.#log = log;
  }

  /** @param onFinding gets each finding as it is made, equal ones as often as they come */
  static create(options: CheckOptions, onFinding: (finding: Diagnostic) => void): Linter {
    return new Linter(options, { onFinding, violated: new Set(), count: 0 });
  }

  /** A linter that reports nothing and finds everything clean. */
  static silent(options: CheckOptions): Linter {
    return new Linter(options, undefined);
  }

  /** False when a finding would be left out: the rule is skipped, or experimental and not asked for. */
  wants(name: RuleName): boolean {
    if (this.#log === undefined || this.#log.count >= MAX_FINDINGS) return false;
    const { skip, experimental } = this.#options;
    return ruleNamed(name).isExperimental ? holds(experimental, name) : !holds(skip, name);
  }

  /** Reports a finding at `span`, if it is wanted. */
  report<R extends RuleName>(name: R, span: Span, ...args: ArgumentsOf<R>): void {
    if (this.#log === undefined || !this.wants(name)) return;
    const { message, hint } = ruleNamed(name);
    this.#log.count++;
    this.#log.violated.add(name);
    this.#log.onFinding({ code: name, severity: "warning", message: message(...args), span, hint });
  }

  /** This linter as the comment lines above an instruction change it: `# check=skip=…` adds to what is skipped. */
  within(comments: readonly string[]): Linter {
    const more = comments.length === 0 ? undefined : checkOptionsOfComment(comments);
    if (more === undefined) return this;
    const { skip, experimental, error } = this.#options;
    const options = { skip: union(skip, more.skip), experimental: union(experimental, more.experimental), error };
    return new Linter(options, this.#log);
  }

  /** @throws DOCKERFILE_CHECKS when there was a finding and `error=true` was given */
  assertClean(file: string): void {
    if (!this.#options.error || this.#log === undefined || this.#log.violated.size === 0) return;
    const rules = [...this.#log.violated];
    throw new OcibuildError("DOCKERFILE_CHECKS", `lint violation found for rules: ${rules.join(", ")}`, {
      details: { file, rules },
      hint: "Correct what the warnings show, skip the rules (# check=skip=…), or leave out error=true.",
    });
  }
}

function holds(rules: RuleSet, name: RuleName): boolean {
  return rules === "all" || rules.has(name);
}

function union(a: RuleSet, b: RuleSet): RuleSet {
  return a === "all" || b === "all" ? "all" : new Set([...a, ...b]);
}
