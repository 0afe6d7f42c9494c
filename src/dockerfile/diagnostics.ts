/** Collects what the parser finds; nothing in this folder throws on bad text. */
import type { Diagnostic, Span } from "../errors.js";

/**
 * Reports an error. `message` is BuildKit's sentence (without `dockerfile parse error on line N: `, which
 * `assertValid` puts before it); `hint` says what to do. Returns `undefined`, so that a parser can `return fail(…)`.
 */
export type Fail = (code: string, message: string, span: Span, hint?: string) => undefined;

export interface DiagnosticList {
  readonly all: Diagnostic[];
  readonly fail: Fail;
  readonly warn: (code: string, message: string, span: Span, hint?: string) => void;
}

/** An empty list of diagnostics. */
export function createDiagnosticList(): DiagnosticList {
  const all: Diagnostic[] = [];
  return {
    all,
    fail(code, message, span, hint) {
      all.push({ code, severity: "error", message, span, ...(hint === undefined ? {} : { hint }) });
      return undefined;
    },
    warn(code, message, span, hint) {
      all.push({ code, severity: "warning", message, span, ...(hint === undefined ? {} : { hint }) });
    },
  };
}
