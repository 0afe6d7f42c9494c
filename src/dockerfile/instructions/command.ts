/** CMD, ENTRYPOINT and SHELL, and the command line that RUN and HEALTHCHECK share with them. */
import type { CmdInstruction, CommandLine, EntrypointInstruction, ShellInstruction, Word } from "../ast.js";
import { parseFlags } from "../flag-values.js";
import { isSpace } from "../whitespace.js";
import { baseOf, failAtLeastOne, type Request } from "./request.js";

/** `words` of `request.args` as a command: exec form when they came from JSON, else the shell form. */
export function commandLine(request: Request, words: readonly Word[]): CommandLine {
  const first = words[0]?.span;
  const last = words[words.length - 1]?.span;
  const span =
    first && last ? { start: first.start, end: last.end } : { start: request.span.end, end: request.span.end };
  if (request.args.form === "json") return { form: "exec", args: words.map((word) => word.value), span };
  const line = words[0]?.value ?? "";
  if (looksLikeJson(line)) {
    request.warn(
      "json-form-malformed",
      "this looks like the JSON form, but it is not valid JSON: the shell will get it as it stands",
      span,
      'put each element in double quotes, with commas between: ["executable", "argument"]',
    );
  }
  return { form: "shell", line, span };
}

/** True for `['a', 'b']`, `["a" "b"]` and `[a, b]`, not for the shell's `[ -f x ]` and `[[ … ]]`. */
function looksLikeJson(line: string): boolean {
  if (!line.startsWith("[") || !line.endsWith("]")) return false;
  const first = line.charAt(1);
  if (first === '"' || first === "'") return true;
  const inner = line.slice(1, -1);
  if (/[[\]]/.test(inner)) return false;
  return isSpace(first.charCodeAt(0)) ? /["'],/.test(inner) : inner.includes(",");
}

export function parseCmd(request: Request): CmdInstruction | undefined {
  if (parseFlags("CMD", request.flags, request.fail) === undefined) return undefined;
  return { ...baseOf("CMD", request), command: commandLine(request, request.args.words) };
}

export function parseEntrypoint(request: Request): EntrypointInstruction | undefined {
  if (parseFlags("ENTRYPOINT", request.flags, request.fail) === undefined) return undefined;
  return { ...baseOf("ENTRYPOINT", request), command: commandLine(request, request.args.words) };
}

export function parseShell(request: Request): ShellInstruction | undefined {
  if (parseFlags("SHELL", request.flags, request.fail) === undefined) return undefined;
  const { form, words } = request.args;
  const example = 'SHELL ["/bin/sh", "-c"]';
  if (words.length === 0) return failAtLeastOne(request, "SHELL", example);
  if (form === "json") return { ...baseOf("SHELL", request), args: words.map((word) => word.value) };
  return request.fail(
    "json-required",
    "SHELL requires the arguments to be in JSON form",
    words[0]!.span,
    `for example: ${example}`,
  );
}
