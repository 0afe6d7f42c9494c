/** Warnings, each shown once however often it comes. */
import type { BuildEvent } from "../../events.js";
import { formatLocation } from "../print-error.js";
import { safeLine } from "../terminal-text.js";

export class Warnings {
  readonly #seen = new Set<string>();

  /** The warning as one line, or `undefined` when it was there before. */
  take({ message, diagnostic, location }: BuildEvent & { readonly type: "warning" }): string | undefined {
    const rule = diagnostic === undefined ? "" : `${safeLine(diagnostic.code)}: `;
    const place = location === undefined ? "" : ` (${formatLocation(location)})`;
    const line = `${rule}${safeLine(message)}${place}`;
    if (this.#seen.has(line)) return undefined;
    this.#seen.add(line);
    return line;
  }
}
