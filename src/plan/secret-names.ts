/** Names of variables that sound as if their values were secrets: as BuildKit's check SecretsUsedInArgOrEnv has it. */

const SECRET_WORD = wordAmong(
  "apikey",
  "auth",
  "credential",
  "credentials",
  "key",
  "password",
  "pword",
  "passwd",
  "secret",
  "token",
);
const HARMLESS_WORD = wordAmong("public");

/** Any of `words` at the start or end of a name, or between underscores. */
function wordAmong(...words: readonly string[]): RegExp {
  return new RegExp(`(?:_|^)(?:${words.join("|")})(?:_|$)`, "i");
}

export function soundsSecret(name: string): boolean {
  return SECRET_WORD.test(name) && !HARMLESS_WORD.test(name);
}
