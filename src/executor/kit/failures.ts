/** The two errors of executors. */
import { OcibuildError } from "../../errors.js";

/** It could not run: for operators. */
export function executorFailed(executor: string, message: string, hint?: string, cause?: unknown): OcibuildError {
  return new OcibuildError("EXECUTOR_FAILED", message, {
    details: { executor },
    ...(hint === undefined ? {} : { hint }),
    ...(cause === undefined ? {} : { cause }),
  });
}

/** It cannot do what is asked for. */
export function executorUnsupported(executor: string, feature: string, message: string, hint?: string): OcibuildError {
  return new OcibuildError("EXECUTOR_UNSUPPORTED", message, {
    details: { executor, feature },
    ...(hint === undefined ? {} : { hint }),
  });
}
