/** Which extended attributes go into a prepared layer and come back from one. */
import type { Xattrs } from "../../tar/entry.js";
import type { ByteString } from "../../util/bytes.js";

const OVERLAY = /^(?:trusted|user)\.overlay\./;

/** Without what overlayfs takes for its own (U7) and what is the machine's, not the image's. `undefined` for none. */
export function imageXattrs(xattrs: Xattrs | undefined, mayBeTrusted: boolean): Xattrs | undefined {
  if (xattrs === undefined) return undefined;
  const kept = new Map<ByteString, Buffer>();
  for (const [name, value] of xattrs) {
    if (OVERLAY.test(name) || name === "security.selinux" || name === "security.ima" || name === "security.evm")
      continue;
    if (name.startsWith("trusted.") && !mayBeTrusted) continue;
    kept.set(name, value);
  }
  return kept.size === 0 ? undefined : kept;
}

/** Whether overlayfs marked the directory: nothing of the layers below shows through. */
export function isOpaque(xattrs: Xattrs | undefined): boolean {
  if (xattrs === undefined) return false;
  for (const [name, value] of xattrs) {
    if (OVERLAY.test(name) && name.endsWith(".overlay.opaque") && value.toString("latin1") === "y") return true;
  }
  return false;
}
