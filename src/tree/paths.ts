/** Paths inside a `FileTree`: relative, `/`-separated, clean; the root is the empty string. */
import { posix } from "node:path";
import type { ByteString } from "../util/bytes.js";

/** The root of every tree. */
export const ROOT: ByteString = "" as ByteString;

/** `name` below the directory `parent`. */
export function joinPath(parent: ByteString, name: ByteString): ByteString {
  if (parent === "") return name;
  return (name === "" ? parent : `${parent}/${name}`) as ByteString;
}

/** The directory that `path` is in; the root for a name at the top and for the root itself. */
export function parentPath(path: ByteString): ByteString {
  const slash = path.lastIndexOf("/");
  return (slash === -1 ? "" : path.slice(0, slash)) as ByteString;
}

/** The last component of `path`; empty for the root. */
export function baseName(path: ByteString): ByteString {
  return path.slice(path.lastIndexOf("/") + 1) as ByteString;
}

/** The path in a tree that `path` names when `/` is the tree's root: `.`, `..` and doubled slashes are gone. */
export function treePath(path: ByteString): ByteString {
  const clean = posix.normalize(`/${path}`);
  return clean.slice(1, clean.length > 1 && clean.endsWith("/") ? -1 : undefined) as ByteString;
}

/** The shortest equal path as Go's `filepath.Clean` gives it: no trailing slash, `.` for nothing, leading `..` kept. */
export function cleanPath(path: ByteString): ByteString {
  const clean = posix.normalize(path);
  return (clean.length > 1 && clean.endsWith("/") ? clean.slice(0, -1) : clean) as ByteString;
}

/** Orders paths as a walk meets them: a directory before what is in it, and both before `name-with-suffix`. */
export function comparePaths(a: string, b: string): number {
  const length = Math.min(a.length, b.length);
  for (let at = 0; at < length; at++) {
    const x = a.charCodeAt(at);
    const y = b.charCodeAt(at);
    if (x === y) continue;
    if (x === SLASH) return -1;
    return y === SLASH || x > y ? 1 : -1;
  }
  return a.length - b.length;
}

const SLASH = 47;
