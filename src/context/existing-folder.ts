/** The folder that a build context is. */
import { realpathSync, statSync } from "node:fs";
import { resolve } from "node:path";
import { OcibuildError } from "../errors.js";

/** The folder `path` without links. @throws CONTEXT_NOT_FOUND */
export function existingFolder(path: string, cwd: string): string {
  const absolute = resolve(cwd, path);
  try {
    if (statSync(absolute).isDirectory()) return realpathSync(absolute);
  } catch (cause) {
    throw contextNotFound(path, "there is nothing", cause);
  }
  throw contextNotFound(path, "a file", undefined);
}

/** Whether `path` is a folder. */
export function isFolder(path: string, cwd: string): boolean {
  return statSync(resolve(cwd, path), { throwIfNoEntry: false })?.isDirectory() === true;
}

export function contextNotFound(path: string, got: string, cause: unknown): OcibuildError<"CONTEXT_NOT_FOUND"> {
  return new OcibuildError("CONTEXT_NOT_FOUND", `expected the build context at "${path}", but got ${got}`, {
    details: { path },
    ...(cause === undefined ? {} : { cause }),
  });
}
