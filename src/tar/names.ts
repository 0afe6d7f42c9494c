/** Names in an archive → `TarEntry.path`: relative, without `.`, `..`, empty components and outer slashes. */
import type { ByteString } from "../util/bytes.js";

const SLASH = 0x2f;
const DOT = 0x2e;

/**
 * What becomes of a `..` that leaves the root: layers are refused for it; archives that ADD unpacks are unpacked as in a
 * chroot, where the root is its own parent.
 */
export type EscapingNames = "refuse" | "clamp";

/**
 * `name` in normal form, resolved by its text alone as Go's `path.Clean` does; the empty string is the root.
 * `undefined` when it has a NUL byte, or when a `..` leaves the root and is not clamped.
 */
export function normalizeName(name: ByteString, escaping: EscapingNames = "refuse"): ByteString | undefined {
  let end = name.length;
  while (end > 0 && name.charCodeAt(end - 1) === SLASH) end--;
  if (isNormal(name, end)) return end === name.length ? name : (name.slice(0, end) as ByteString);
  if (name.includes("\0")) return undefined;
  const kept: string[] = [];
  for (const component of name.split("/")) {
    if (component === "" || component === ".") continue;
    if (component !== "..") kept.push(component);
    else if (kept.pop() === undefined && escaping === "refuse") return undefined;
  }
  return kept.join("/") as ByteString;
}

/** The number of components of a normal path: 0 for the root. */
export function depthOf(path: ByteString): number {
  if (path === "") return 0;
  let depth = 1;
  for (let at = path.indexOf("/"); at >= 0; at = path.indexOf("/", at + 1)) depth++;
  return depth;
}

function isNormal(name: string, end: number): boolean {
  let start = 0;
  for (let i = 0; i <= end; i++) {
    const code = i === end ? SLASH : name.charCodeAt(i);
    if (code === 0) return false;
    if (code !== SLASH) continue;
    const length = i - start;
    if (length === 0 && end > 0) return false;
    if (length === 1 && name.charCodeAt(start) === DOT) return false;
    if (length === 2 && name.charCodeAt(start) === DOT && name.charCodeAt(start + 1) === DOT) return false;
    start = i + 1;
  }
  return true;
}
