/** ARG: names of build arguments with optional default values. */
import type { ArgInstruction } from "../ast.js";
import { baseOf, docCommentOf, failAtLeastOne, type Request } from "./request.js";

/** The build arguments in order. Flags are let through unseen, as BuildKit does. */
export function parseArg(request: Request): ArgInstruction | undefined {
  const { definitions } = request.args;
  if (definitions.length === 0) return failAtLeastOne(request, "ARG", "ARG VERSION=1.0");
  const blank = definitions.find(({ name, value }) => name.value === "" && value !== undefined);
  if (blank !== undefined) {
    return request.fail("name-blank", "ARG names can not be blank", blank.name.span, "put a name before the =");
  }
  const args = definitions.map(({ name, value }) => ({
    name,
    value,
    docComment: docCommentOf(request.docComment, name.value),
  }));
  return { ...baseOf("ARG", request), args };
}
