/** SecretsUsedInArgOrEnv: names that sound like secrets. */
import type { Scope } from "../instructions/scope.js";

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

export function lintSecretName({ command, lint }: Scope, instruction: "ARG" | "ENV", name: string): void {
  if (!SECRET_WORD.test(name) || HARMLESS_WORD.test(name)) return;
  lint.report("SecretsUsedInArgOrEnv", command.where.span, instruction, name);
}
