/** FROM: `FROM [--platform=…] image [AS name]`. */

import { goQuote } from "../../util/go-format.js";
import type { FromInstruction } from "../ast.js";
import { parseFlags } from "../flag-values.js";
import { baseOf, type Request } from "./request.js";

/** The instruction that begins a stage; its name is checked. */
export function parseFrom(request: Request): FromInstruction | undefined {
  const { words } = request.args;
  const [image, as, name] = words;
  const named = words.length === 3 && as!.value.toLowerCase() === "as";
  if (named && !/^[a-z][a-z0-9\-_.]*$/.test(name!.value.toLowerCase())) {
    return request.fail(
      "stage-name-invalid",
      `invalid name for build stage: ${goQuote(name!.value)}, name can't start with a number or contain symbols`,
      name!.span,
      "a stage name begins with a letter and holds letters, digits, -, _ and .",
    );
  }
  if (image === undefined || (words.length !== 1 && !named)) {
    return request.fail(
      "from-arguments",
      "FROM requires either one or three arguments",
      request.span,
      image === undefined ? "name an image: FROM alpine:3.22" : "write FROM image, or FROM image AS name",
    );
  }
  const flags = parseFlags("FROM", request.flags, request.fail);
  return (
    flags && {
      ...baseOf("FROM", request),
      image,
      platform: flags.string("platform"),
      asKeyword: named ? as : undefined,
      as: named ? name : undefined,
    }
  );
}
