/** Suggestions for names that nobody declares, as long as they do not take too long. */
import { nearestName } from "../../util/suggest.js";

/** Pairs of characters that all suggestions of a plan may compare. */
const MAX_COMPARED = 20_000_000;

export class Suggester {
  #left = MAX_COMPARED;

  /** The nearest of `names`; `undefined` when none is near, or when the search was given up. */
  nearest(name: string, names: Iterable<string>): string | undefined {
    return this.#left <= 0 ? undefined : nearestName(name, this.#limited(name, names));
  }

  *#limited(name: string, names: Iterable<string>): Generator<string> {
    for (const each of names) {
      this.#left -= (name.length + 1) * (each.length + 1);
      if (this.#left <= 0) return;
      yield each;
    }
  }
}
