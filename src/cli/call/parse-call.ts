/** `--call METHOD[,format=json][,ignorestatus=true]`, as docker buildx reads it. */
import { parseCsv } from "../../dockerfile/csv.js";
import { optionError } from "../option-error.js";
import { parseSwitchValue } from "../options/option.js";

export type CallMethod = "check" | "outline" | "targets";

export interface Call {
  readonly method: CallMethod;
  readonly format: "text" | "json";
  /** True when findings are no reason for an exit code. */
  readonly ignoreStatus: boolean;
}

/** `lint` is what docker calls it inside. */
const METHODS: ReadonlyMap<string, CallMethod> = new Map([
  ["check", "check"],
  ["lint", "check"],
  ["outline", "outline"],
  ["targets", "targets"],
]);

/** What is asked for; `undefined` for a build. @throws OPTIONS_INVALID */
export function parseCall(text: string | undefined): Call | undefined {
  if (text === undefined || text === "") return undefined;
  const fields = parseCsv(text);
  if ("problem" in fields) throw callError(text, `cannot be read: ${fields.problem}`);
  let name: string | undefined;
  let format: Call["format"] = "text";
  let ignoreStatus = false;
  for (const field of fields) {
    const equals = field.indexOf("=");
    const value = field.slice(equals + 1);
    switch (equals === -1 ? "" : field.slice(0, equals)) {
      case "":
        if (name !== undefined) throw callError(text, "expected one method");
        name = field;
        break;
      case "format":
        if (value !== "json" && value !== "text") throw callError(text, `expected the format json or text`);
        format = value;
        break;
      case "ignorestatus": {
        const ignored = parseSwitchValue(value);
        if (ignored === undefined) throw callError(text, "expected ignorestatus=true or ignorestatus=false");
        ignoreStatus = ignored;
        break;
      }
      default:
        throw callError(text, `does not know "${field}"`);
    }
  }
  if (name === "build") return undefined;
  const method = METHODS.get(name ?? "");
  if (method === undefined) throw callError(text, "expected one of check, outline, targets and build");
  return { method, format, ignoreStatus };
}

function callError(text: string, problem: string): Error {
  return optionError(
    "--call",
    `"--call ${text}" ${problem}`,
    "For example --call check, or --call outline,format=json.",
  );
}
