/** `--env`, `--env-file` and `--label` of `run`. */
import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import type { Io } from "../io.js";
import { optionError } from "../option-error.js";

/**
 * `NAME=VALUE` entries, those of files first. A name alone takes the variable of this process; one that is not set is left
 * out, as docker leaves it out.
 * @throws OPTIONS_INVALID
 */
export function readEnvironment(
  { env, envFile }: { readonly env: readonly string[]; readonly envFile: readonly string[] },
  { env: ours, cwd }: Pick<Io, "env" | "cwd">,
): readonly string[] {
  const written = [...envFile.flatMap((path) => linesOf(resolve(cwd, path))), ...env];
  return written.flatMap((entry) => {
    const equals = entry.indexOf("=");
    if (equals === 0 || entry === "") throw optionError("--env", `invalid environment variable: ${entry}`);
    if (equals !== -1) return [entry];
    const value = Object.hasOwn(ours, entry) ? ours[entry] : undefined;
    return value === undefined ? [] : [`${entry}=${value}`];
  });
}

/** Lines without comments and blanks. */
function linesOf(path: string): readonly string[] {
  let contents: string;
  try {
    contents = readFileSync(path, "utf8");
  } catch {
    throw optionError("--env-file", `open ${path}: no such file, or it cannot be read`);
  }
  const lines = contents.replace(/^\ufeff/, "").split(/\r?\n/);
  return lines.map((line) => line.trimStart()).filter((line) => line !== "" && !line.startsWith("#"));
}

/** `KEY=VALUE`, or a key with an empty value. @throws OPTIONS_INVALID */
export function readLabels(texts: readonly string[]): Readonly<Record<string, string>> {
  const labels = texts.map((label): [string, string] => {
    const equals = label.indexOf("=");
    if (equals === 0 || label === "") throw optionError("--label", `"--label ${label}" expected KEY=VALUE`);
    return equals === -1 ? [label, ""] : [label.slice(0, equals), label.slice(equals + 1)];
  });
  return Object.fromEntries(labels);
}
