/** The typed error for whatever the operating system says no to in the store's folder. */
import { isOcibuildError, OcibuildError } from "../errors.js";

/** The `code` of a system error (`ENOENT`, …), or `undefined`. */
export function systemCode(error: unknown): string | undefined {
  const code = error instanceof Error ? (error as NodeJS.ErrnoException).code : undefined;
  return typeof code === "string" ? code : undefined;
}

/**
 * `error` as STORE_UNUSABLE, with a hint that fits its system code. Errors of our own pass through unchanged.
 * `path` is the file or folder that could not be used, `action` what was tried (`write`, `read`, …).
 */
export function storeError(error: unknown, action: string, path: string): OcibuildError {
  if (isOcibuildError(error)) return error;
  const code = systemCode(error);
  return new OcibuildError(
    "STORE_UNUSABLE",
    `expected to ${action} "${path}" in the store but got ${code ?? "an error"}`,
    {
      details: { path },
      hint: hintFor(code),
      cause: error,
    },
  );
}

function hintFor(code: string | undefined): string {
  switch (code) {
    case "ENOSPC":
    case "EDQUOT":
      return "Free disk space, or choose a store on another disk with --root.";
    case "EACCES":
    case "EPERM":
    case "EROFS":
      return "Make the store writable for this user, or choose another one with --root.";
    case "EMFILE":
    case "ENFILE":
      return "Raise the limit of open files (ulimit -n).";
    case "EIO":
      return "The disk reports errors: check it, or choose a store on another disk with --root.";
    default:
      return "Check the store's folder, or choose another one with --root.";
  }
}
