/** ONBUILD: keeps an instruction as text for the builds that use the image. */
import type { OnbuildInstruction } from "../ast.js";
import { parseFlags } from "../flag-values.js";
import { isSpace } from "../whitespace.js";
import { baseOf, failAtLeastOne, type Request } from "./request.js";

/** `lineText` is the logical line with the blanks around it, which the trigger keeps. */
export function parseOnbuild(request: Request, lineText: string): OnbuildInstruction | undefined {
  const { fail } = request;
  const [inner] = request.args.words;
  if (inner === undefined) return failAtLeastOne(request, "ONBUILD", "ONBUILD COPY . /app");
  if (parseFlags("ONBUILD", request.flags, fail) === undefined) return undefined;
  const kind = inner.value.toUpperCase();
  if (kind === "ONBUILD") {
    const message = "Chaining ONBUILD via `ONBUILD ONBUILD` isn't allowed";
    return fail("onbuild-forbidden", message, inner.span, "a trigger fires once, in the build that uses the image");
  }
  if (kind === "MAINTAINER" || kind === "FROM") {
    return fail("onbuild-forbidden", `${kind} isn't allowed as an ONBUILD trigger`, inner.span);
  }
  const heredocs = request.heredocs.map(({ content, name }) => `\n${content}${name}`).join("");
  return { ...baseOf("ONBUILD", request), trigger: triggerText(lineText) + heredocs };
}

/** What stands after the keyword; trailing blanks stay. */
function triggerText(line: string): string {
  let at = 0;
  const skip = (): void => {
    while (at < line.length && isSpace(line.charCodeAt(at))) at++;
  };
  skip();
  at += "ONBUILD".length;
  skip();
  return line.slice(at);
}
