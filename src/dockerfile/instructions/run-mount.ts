/**
 * `RUN --mount=…`: cuts the options apart. Values may hold variables, so `resolveMount` checks them when the stage is
 * planned; only `from` is settled here, because which stages a stage needs must be known before any variable.
 */
import type { MountOption, RunMount, Word } from "../ast.js";
import { parseCsv } from "../csv.js";
import type { Fail } from "../diagnostics.js";

export function parseMount(word: Word, fail: Fail): RunMount | undefined {
  const { span } = word;
  const fields = parseCsv(word.value);
  if (!Array.isArray(fields)) {
    const hint = "for example: --mount=type=cache,target=/root/.cache";
    return fail("mount-invalid", `failed to parse csv mounts: ${fields.problem}`, span, hint);
  }
  const options: MountOption[] = [];
  for (const text of fields) {
    const equals = text.indexOf("=");
    const name = (equals === -1 ? text : text.slice(0, equals)).toLowerCase();
    const value = equals === -1 ? undefined : text.slice(equals + 1);
    const dollar = value?.indexOf("$") ?? -1;
    if (name === "from" && dollar !== -1 && dollar !== value!.length - 1) {
      return fail(
        "mount-from-variable",
        "'from' doesn't support variable expansion, define alias stage instead",
        span,
        `define a stage above, FROM ${value} AS name, and write from=name`,
      );
    }
    options.push({ name, value, text });
  }
  return { options, span };
}
