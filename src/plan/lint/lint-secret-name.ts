/** SecretsUsedInArgOrEnv: names that sound like secrets. */
import type { Scope } from "../instructions/scope.js";
import { soundsSecret } from "../secret-names.js";

export function lintSecretName({ command, lint }: Scope, instruction: "ARG" | "ENV", name: string): void {
  if (soundsSecret(name)) lint.report("SecretsUsedInArgOrEnv", command.where.span, instruction, name);
}
