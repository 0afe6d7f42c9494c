/** Short ways to parse Dockerfile text in tests. */
import type { Dockerfile, Instruction, StageInstruction } from "../../src/dockerfile/ast.js";
import { parseDockerfile } from "../../src/dockerfile/parse.js";
import type { Diagnostic, Span } from "../../src/errors.js";
import { positionAt, type SourceText } from "../../src/util/source-text.js";

export function parse(text: string): Dockerfile {
  return parseDockerfile({ name: "Dockerfile", text });
}

/** `line: message` of each error in `text`. */
export function errorsOf(text: string): string[] {
  const { source, diagnostics } = parse(text);
  return diagnostics
    .filter((diagnostic) => diagnostic.severity === "error")
    .map(({ span, message }) => `${positionAt(source, span.start).line}: ${message}`);
}

/** The one error of an instruction below `FROM scratch`. */
export function problemOf(instruction: string): Diagnostic {
  const errors = parse(`FROM scratch\n${instruction}\n`).diagnostics.filter(({ severity }) => severity === "error");
  if (errors.length !== 1) throw new Error(`expected one error, got ${JSON.stringify(errors)}`);
  return errors[0]!;
}

/** The first instruction below `FROM scratch`, which must parse and be of `kind`. */
export function only<K extends StageInstruction["kind"]>(
  kind: K,
  text: string,
): Extract<StageInstruction, { kind: K }> {
  const { stages, diagnostics } = parse(`FROM scratch\n${text}\n`);
  const [instruction] = stages[0]?.instructions ?? [];
  if (instruction?.kind !== kind || diagnostics.some(({ severity }) => severity === "error")) {
    throw new Error(`expected ${kind}, got ${instruction?.kind} and ${JSON.stringify(diagnostics)}`);
  }
  return instruction as Extract<StageInstruction, { kind: K }>;
}

export function allInstructions({ globalArgs, stages }: Dockerfile): Instruction[] {
  return [...globalArgs, ...stages.flatMap((stage) => [stage.from, ...stage.instructions])];
}

export function sliceOf(source: SourceText, { start, end }: Span): string {
  return source.text.slice(start, end);
}
