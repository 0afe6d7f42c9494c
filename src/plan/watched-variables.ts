/** Variables that remember which of them were asked for, also when the expansion fails. */
import type { Variables } from "../dockerfile/expand.js";

export class WatchedVariables implements Variables {
  /** Asked for and set, in order of first use. */
  readonly matched: Set<string> = new Set();
  /** Asked for and not set. */
  readonly unmatched: Set<string> = new Set();
  readonly #variables: Variables;

  constructor(variables: Variables) {
    this.#variables = variables;
  }

  get(name: string): string | undefined {
    const value = this.#variables.get(name);
    (value === undefined ? this.unmatched : this.matched).add(name);
    return value;
  }
}
