/** What a command stands on before it runs: its working directory, and who it is. */
import { isOcibuildError, OcibuildError } from "../../errors.js";
import { resolveInTree } from "../../tree/resolve.js";
import { type ByteString, bytesOf } from "../../util/bytes.js";
import { makeDirectories } from "../copy/copy.js";
import type { FsEdit } from "../fs/fs-edit.js";
import type { FsTree } from "../fs/fs-tree.js";
import type { RunContext } from "../run-context.js";
import { processSentence } from "./run-failure.js";
import { type RunUser, runUser, USER_FILES } from "./run-user.js";

/** Where programs are looked for when an image does not say. */
export const DEFAULT_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/** Makes the working directory where it is missing, as engines do: root's. Returns whether it was. @throws LAYER_COPY */
export function makeWorkdir(run: Pick<RunContext, "times">, edit: FsEdit, cwd: string): boolean {
  const path = bytesOf(cwd.replace(/^\/+/, "")) as ByteString;
  if (path === "" || edit.lstat(resolveInTree(edit, path))?.type === "dir") return false;
  const nowSeconds = run.times.epochSeconds ?? run.times.nowSeconds;
  makeDirectories(edit, path, { owner: undefined, mode: undefined, nowSeconds });
  return true;
}

/** Who `step` runs as, by the image's own files. @throws LAYER_UNKNOWN_USER, what reading layers throws */
export async function userOf(
  run: Pick<RunContext, "layers" | "signal">,
  tree: FsTree,
  step: { readonly user: string; readonly args: readonly string[] },
): Promise<RunUser> {
  await run.layers.prepareContents(
    USER_FILES.map((file) => tree.find(resolveInTree(tree, bytesOf(file)))?.content),
    run,
  );
  try {
    return runUser(tree, step.user);
  } catch (error) {
    if (!isOcibuildError(error, "LAYER_UNKNOWN_USER")) throw error;
    throw new OcibuildError(error.code, processSentence(step.args, error.message), {
      details: error.details,
      ...(error.hint === undefined ? {} : { hint: error.hint }),
    });
  }
}
