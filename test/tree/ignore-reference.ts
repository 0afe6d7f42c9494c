/** moby/patternmatcher's `MatchesUsingParentResults` written as slowly and plainly as possible, to compare with. */

/** Which of `paths` (parents included in the list of every path) a list of patterns matches. */
export function referenceMatches(patterns: readonly string[], path: string): boolean {
  let parents: readonly boolean[] = patterns.map(() => false);
  let matched = false;
  const components = path.split("/");
  for (let depth = 1; depth <= components.length; depth++) {
    const current = components.slice(0, depth).join("/");
    matched = false;
    const flags = patterns.map(() => false);
    patterns.forEach((pattern, index) => {
      const isException = pattern.startsWith("!");
      if (!parents[index]) {
        if (isException !== matched) return;
        if (!matchTokens(tokensOf(pattern.replace(/^!/, "")), [...current])) return;
      }
      flags[index] = true;
      matched = !isException;
    });
    parents = flags;
  }
  return matched;
}

type Token = "star" | "question" | "anything" | "folders" | { readonly char: string };

function tokensOf(pattern: string): Token[] {
  const tokens: Token[] = [];
  for (let at = 0; at < pattern.length; at++) {
    if (pattern.startsWith("**", at)) {
      at++;
      if (pattern[at + 1] === "/") at++;
      tokens.push(at + 1 >= pattern.length ? "anything" : "folders");
    } else if (pattern[at] === "*") tokens.push("star");
    else if (pattern[at] === "?") tokens.push("question");
    else if (pattern[at] === "\\") tokens.push({ char: pattern[++at]! });
    else tokens.push({ char: pattern[at]! });
  }
  // A leading ** with nothing but text after it is a suffix, slash or not.
  const isSuffix = pattern.startsWith("**") && pattern.length > 2 && !/[*?\\]/.test(pattern.slice(2));
  if (isSuffix && !pattern.startsWith("**/")) tokens[0] = "anything";
  return tokens;
}

function matchTokens(tokens: readonly Token[], text: readonly string[]): boolean {
  const [token, ...rest] = tokens;
  if (token === undefined) return text.length === 0;
  const tails = text.map((_, at) => text.slice(at));
  tails.push([]);
  switch (token) {
    case "anything":
      return tails.some((tail) => matchTokens(rest, tail));
    case "folders":
      return tails.some((tail, at) => (at === 0 || text[at - 1] === "/") && matchTokens(rest, tail));
    case "star": {
      const slash = text.indexOf("/");
      return tails.slice(0, slash === -1 ? undefined : slash + 1).some((tail) => matchTokens(rest, tail));
    }
    case "question":
      return text.length > 0 && text[0] !== "/" && matchTokens(rest, text.slice(1));
    default:
      return text[0] === token.char && matchTokens(rest, text.slice(1));
  }
}
