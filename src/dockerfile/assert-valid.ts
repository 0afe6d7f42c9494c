/** Turns the errors that a parser has collected into the one that a build throws. */
import { type Diagnostic, OcibuildError } from "../errors.js";
import { locate, positionAt, type SourceText } from "../util/source-text.js";

/**
 * Does nothing when `diagnostics` holds no error.
 *
 * The message is that of the first error (with the line, as BuildKit words it) and how many more there are; `details`
 * has them all.
 *
 * @throws DOCKERFILE_INVALID
 */
export function assertValid(parsed: {
  readonly source: SourceText;
  readonly diagnostics: readonly Diagnostic[];
}): void {
  const { source, diagnostics } = parsed;
  const errors = diagnostics.filter((diagnostic) => diagnostic.severity === "error");
  const [first] = errors;
  if (first === undefined) return;
  const { line } = positionAt(source, first.span.start);
  const more = errors.length === 1 ? "" : ` (and ${errors.length - 1} more)`;
  throw new OcibuildError("DOCKERFILE_INVALID", `dockerfile parse error on line ${line}: ${first.message}${more}`, {
    details: { file: source.name, diagnostics, locations: diagnostics.map(({ span }) => locate(source, span)) },
    location: locate(source, first.span),
    ...(first.hint === undefined ? {} : { hint: first.hint }),
  });
}
