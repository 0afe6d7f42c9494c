/** What is wrong with a plan: a sentence, where it is in the Dockerfile, and what to do. */
import { isOcibuildError, OcibuildError, type Span, withLocation } from "../errors.js";
import { locate, type SourceText } from "../util/source-text.js";

/** A place in the Dockerfile. */
export interface Where {
  readonly source: SourceText;
  readonly span: Span;
}

/** A `PLAN_INVALID` that points at `where`. */
export function planProblem(where: Where, message: string, hint?: string): OcibuildError<"PLAN_INVALID"> {
  return new OcibuildError("PLAN_INVALID", message, {
    details: { file: where.source.name },
    location: locate(where.source, where.span),
    ...(hint === undefined ? {} : { hint }),
  });
}

/** Runs `action`; its errors point at `where` unless they point somewhere already. */
export function at<T>(where: Where, action: () => T): T {
  try {
    return action();
  } catch (error) {
    throw located(error, where);
  }
}

/** `error` with `where`; a failed expansion becomes a problem of the plan. */
export function located(error: unknown, where: Where): unknown {
  if (isOcibuildError(error, "DOCKERFILE_EXPANSION")) {
    return new OcibuildError("PLAN_INVALID", error.message, {
      details: { file: where.source.name },
      location: locate(where.source, where.span),
      hint: error.hint ?? "Write a literal $ as \\$, or in single quotes.",
      cause: error,
    });
  }
  return withLocation(error, locate(where.source, where.span));
}
