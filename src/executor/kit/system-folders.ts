/** What must be in an image, and be what it is taken for, before anybody runs a command in it. */
import { type ByteString, bytesOf, textOf } from "../../util/bytes.js";
import { executorFailed } from "./failures.js";
import type { IndexView } from "./layer-index.js";

/** Where file systems of the container's own are mounted. */
export const SYSTEM_FOLDERS = ["dev", "proc", "sys"] as readonly string[] as readonly ByteString[];

/** @throws EXECUTOR_FAILED when the image has something else where system folders are mounted (X1) */
export function assertSystemFolders(view: IndexView, executor: string): void {
  for (const folder of SYSTEM_FOLDERS) {
    const found = view.lookUp(folder);
    if (found === undefined || found.type === "dir") continue;
    throw executorFailed(executor, `"/${folder}" expected a directory of the image but got a ${found.type}`);
  }
}

/** `cwd` without symlinks. @throws EXECUTOR_FAILED unless it is a directory of the image */
export function assertCwd(view: IndexView, cwd: string, executor: string): string {
  const path = view.resolve(bytesOf(cwd));
  if (path === "" || (path !== undefined && view.lookUp(path)?.type === "dir")) return `/${textOf(path)}`;
  const got = path === undefined || view.lookUp(path) === undefined ? "nothing" : "a file";
  throw executorFailed(executor, `working directory "${cwd}" expected a directory of the image but got ${got}`);
}
