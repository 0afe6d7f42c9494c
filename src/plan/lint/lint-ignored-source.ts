/** CopyIgnoredFile: sources that the ignore file keeps out of the build context. */
import { cleanPath } from "../../tree/paths.js";
import { bytesOf, textOf } from "../../util/bytes.js";
import type { Scope } from "../instructions/scope.js";

/** Patterns that leave nothing of a context. */
const EVERYTHING: ReadonlySet<string> = new Set(["*", "**", "**/*"]);

/**
 * Reports a source that the ignore file matches as it is written, wildcards included. Exceptions may bring files below it
 * back, so an ignore file with such is not asked.
 */
export function lintIgnoredSource({ context, command, lint }: Scope, source: string): void {
  const { ignore } = context;
  if (ignore === undefined || ignore.isEmpty || ignore.hasExceptions) return;
  const path = cleanPath(bytesOf(source));
  const isRoot = path === "." || path === "/";
  if (isRoot && !ignore.patterns.some(({ pattern }) => EVERYTHING.has(pattern))) return;
  if (!ignore.matchesOrParentMatches(path)) return;
  const instruction = command.instruction.kind === "ADD" ? "Add" : "Copy";
  lint.report("CopyIgnoredFile", command.where.span, instruction, textOf(path));
}
