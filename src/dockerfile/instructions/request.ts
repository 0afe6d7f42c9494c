/** What each instruction parser gets: the instruction cut into parts, and the way to report a problem. */

import type { Arguments } from "../arguments.js";
import type { InstructionBase } from "../ast.js";
import type { DiagnosticList, Fail } from "../diagnostics.js";

export interface Request extends Omit<InstructionBase<string>, "kind"> {
  readonly args: Arguments;
  readonly fail: Fail;
  readonly warn: DiagnosticList["warn"];
}

/** The fields that all instructions have. */
export function baseOf<K extends string>(kind: K, request: Request): InstructionBase<K> {
  const { span, keyword, flags, text, heredocs, docComment } = request;
  return { kind, span, keyword, flags, text, heredocs, docComment };
}

/** Reports that nothing follows the keyword. */
export function failAtLeastOne(request: Request, kind: string, example: string): undefined {
  return request.fail(
    "arguments-missing",
    `${kind} requires at least one argument`,
    request.span,
    `for example: ${example}`,
  );
}

/** Reports that not exactly one argument follows the keyword. */
export function failExactlyOne(request: Request, kind: string, example: string): undefined {
  return request.fail(
    "arguments-missing",
    `${kind} requires exactly one argument`,
    request.span,
    `for example: ${example}`,
  );
}

/** The rest of the first comment line above that begins with `name` and a blank. */
export function docCommentOf(comments: readonly string[], name: string): string | undefined {
  if (name === "") return undefined;
  const line = comments.find((comment) => comment.startsWith(`${name} `));
  return line?.slice(name.length + 1);
}
