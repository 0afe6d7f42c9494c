/** `RUN --device=name,required`. */

import { didYouMean } from "../../util/suggest.js";
import type { RunDevice, Word } from "../ast.js";
import { parseCsv } from "../csv.js";
import type { Fail } from "../diagnostics.js";
import { parseBool } from "../parse-bool.js";

export function parseDevice(word: Word, fail: Fail): RunDevice | undefined {
  const { span } = word;
  const invalid = (message: string): undefined =>
    fail("device-invalid", message, span, "for example: --device=vendor.com/class=name,required");
  const fields = parseCsv(word.value);
  if (!Array.isArray(fields)) return invalid(`failed to parse csv devices: ${fields.problem}`);
  let name = "";
  let required = false;
  for (const field of fields) {
    const equals = field.indexOf("=");
    const key = (equals === -1 ? field : field.slice(0, equals)).toLowerCase();
    const value = field.slice(equals + 1);
    if (equals === -1) {
      if (key === "required") required = true;
      else if (name === "") name = field;
      else return invalid(`invalid field '${field}' must be a key=value pair`);
    } else if (key === "name") {
      if (name !== "") return invalid(`device name already set to ${name}`);
      name = value;
    } else if (key === "required") {
      const parsed = parseBool(value);
      if (parsed === undefined) return invalid(`invalid value for ${key}: ${value}`);
      required = parsed;
    } else if (name === "") {
      name = field;
    } else {
      return invalid(`unexpected key '${key}' in '${field}'${didYouMean(key, ["name", "required"])}`);
    }
  }
  return { name, required, span };
}
