/** Owners by name in the image that a step starts from. */
import type { DiffId } from "../../oci/digest.js";
import { resolveInTree } from "../../tree/resolve.js";
import { bytesOf } from "../../util/bytes.js";
import type { RunContext } from "../run-context.js";
import { type Owner, resolveOwner } from "./owner.js";

/** The owner `text` (`user[:group]`) in the file system of `diffIds`. @throws LAYER_UNKNOWN_USER for a name in scratch */
export async function ownerIn(run: RunContext, text: string, diffIds: readonly DiffId[]): Promise<Owner> {
  const warn = (message: string): void => void run.onEvent({ type: "warning", message });
  if (diffIds.length === 0) return resolveOwner(text, undefined, warn);
  const tree = await run.layers.tree(diffIds, run);
  if (/[a-z_]/i.test(text)) {
    const files = ["etc/passwd", "etc/group"].map((file) => tree.find(resolveInTree(tree, bytesOf(file))));
    await run.layers.prepareContents(
      files.map((node) => node?.content),
      run,
    );
  }
  return resolveOwner(text, tree, warn);
}
