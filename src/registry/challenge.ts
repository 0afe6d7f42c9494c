/** `WWW-Authenticate`: one or several challenges, in one header or in many. @spec RFC 7235 §2.1, RFC 9110 §11.6.1 */

export interface Challenge {
  /** Lower case. */
  readonly scheme: string;
  /** Names in lower case. */
  readonly parameters: ReadonlyMap<string, string>;
}

/** Longest header that is looked at. */
const MAX_LENGTH = 16 * 1024;

const TOKEN = /[!#$%&'*+\-.^_`|~0-9A-Za-z]+/y;
const TOKEN68 = /[A-Za-z0-9\-._~+/]+=*(?=[ \t]*(?:,|$))/y;
const SPACE = /[ \t]*/y;

/** The challenges in their order; what cannot be read ends the list of its header. Never throws. */
export function parseChallenges(headers: readonly string[]): Challenge[] {
  return headers.flatMap((header) => parseHeader(header.slice(0, MAX_LENGTH)));
}

function parseHeader(text: string): Challenge[] {
  const challenges: Challenge[] = [];
  let at = 0;
  const take = (pattern: RegExp): string => {
    pattern.lastIndex = at;
    const found = pattern.exec(text)?.[0] ?? "";
    at += found.length;
    return found;
  };
  const skipCommas = (): void => {
    for (take(SPACE); text[at] === ","; take(SPACE)) at++;
  };

  for (skipCommas(); at < text.length; skipCommas()) {
    const scheme = take(TOKEN);
    if (scheme === "") break;
    const parameters = new Map<string, string>();
    challenges.push({ scheme: scheme.toLowerCase(), parameters });
    if (take(SPACE) === "") {
      if (text[at] !== "," && at < text.length) break;
      continue;
    }
    if (take(TOKEN68) !== "") continue;
    for (;;) {
      const start = at;
      const name = take(TOKEN);
      take(SPACE);
      if (name === "" || text[at] !== "=") {
        // The name of the next challenge, or something that is none.
        at = start;
        break;
      }
      at++;
      take(SPACE);
      const value = text[at] === '"' ? takeQuoted() : take(TOKEN);
      if (value === undefined) return challenges;
      if (!parameters.has(name.toLowerCase())) parameters.set(name.toLowerCase(), value);
      const before = at;
      skipCommas();
      if (at === before || at >= text.length) break;
    }
  }
  return challenges;

  function takeQuoted(): string | undefined {
    let value = "";
    for (at++; at < text.length; at++) {
      const char = text[at]!;
      if (char === '"') {
        at++;
        return value;
      }
      if (char === "\\") at++;
      value += text[at] ?? "";
    }
    return undefined;
  }
}
