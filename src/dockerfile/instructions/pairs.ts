/** ENV and LABEL. */
import type { EnvInstruction, LabelInstruction, Pair } from "../ast.js";
import { parseFlags } from "../flag-values.js";
import { baseOf, failAtLeastOne, type Request } from "./request.js";

/** Variables in order. */
export function parseEnv(request: Request): EnvInstruction | undefined {
  const pairs = checkedPairs(request, "ENV");
  return pairs && { ...baseOf("ENV", request), pairs };
}

/** Labels in order. */
export function parseLabel(request: Request): LabelInstruction | undefined {
  const pairs = checkedPairs(request, "LABEL");
  return pairs && { ...baseOf("LABEL", request), pairs };
}

function checkedPairs(request: Request, kind: "ENV" | "LABEL"): readonly Pair[] | undefined {
  if (parseFlags(kind, request.flags, request.fail) === undefined) return undefined;
  const { pairs } = request.args;
  if (pairs.length === 0) return failAtLeastOne(request, kind, `${kind} name=value`);
  const blank = pairs.find((pair) => pair.key.value === "");
  if (blank !== undefined) {
    return request.fail("name-blank", `${kind} names can not be blank`, blank.key.span, "put a name before the =");
  }
  return pairs;
}
