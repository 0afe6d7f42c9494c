/** Variables by name, bounded in size. A `Map` inside, so `__proto__` is a name like any other. */
import { OcibuildError } from "../errors.js";

/** Names and values of one environment together, in UTF-16 units. */
export const MAX_ENVIRONMENT_LENGTH: number = 4 * 1024 * 1024;

export class Environment {
  private readonly values: Map<string, string>;
  private length: number;

  constructor(other?: Environment) {
    this.values = new Map(other?.values);
    this.length = other?.length ?? 0;
  }

  get(name: string): string | undefined {
    return this.values.get(name);
  }

  /** @throws LIMIT_EXCEEDED before anything is stored */
  set(name: string, value: string): void {
    const before = this.values.get(name);
    const growth = before === undefined ? name.length + value.length + 2 : value.length - before.length;
    if (this.length + growth > MAX_ENVIRONMENT_LENGTH) {
      throw new OcibuildError(
        "LIMIT_EXCEEDED",
        `the environment would be longer than ${MAX_ENVIRONMENT_LENGTH} characters`,
        {
          details: { limit: "environment", value: this.length + growth },
          hint: "A variable that refers to itself twice doubles its length each time.",
        },
      );
    }
    this.length += growth;
    this.values.delete(name);
    this.values.set(name, value);
  }

  /** In order of last setting, which decides between equally near suggestions. */
  names(): Iterable<string> {
    return this.values.keys();
  }

  /** `NAME=value`, sorted by UTF-16 units. */
  toSortedList(): readonly string[] {
    return [...this.values].map(([name, value]) => `${name}=${value}`).sort();
  }
}

/** `NAME=value` split at the first `=`; without one the value is empty (never the host's). */
export function splitVariable(entry: string): { readonly name: string; readonly value: string } {
  const equals = entry.indexOf("=");
  return equals === -1 ? { name: entry, value: "" } : { name: entry.slice(0, equals), value: entry.slice(equals + 1) };
}

/** All text that a plan may hold beside the Dockerfile itself, in UTF-16 units. */
const MAX_PLAN_LENGTH = 64 * 1024 * 1024;

/** Adds up what expansion makes, so that many long words are refused before they fill the memory. */
export class TextBudget {
  private used = 0;

  /** @throws LIMIT_EXCEEDED */
  charge(length: number): void {
    this.used += length;
    if (this.used <= MAX_PLAN_LENGTH) return;
    throw new OcibuildError("LIMIT_EXCEEDED", `the plan would hold more than ${MAX_PLAN_LENGTH} characters of text`, {
      details: { limit: "text of the plan", value: this.used },
      hint: "Long variables are repeated in every history line and in the environment of every RUN.",
    });
  }
}
