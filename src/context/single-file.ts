/** A file from a web server as a tree with that one file. */
import { closeSync, openSync, readSync } from "node:fs";
import type { FileTree } from "../tree/file-tree.js";
import { bytesOf } from "../util/bytes.js";
import { hideCredentials } from "../util/hide-credentials.js";
import { EMPTY_NODE, IndexTree } from "./index-tree.js";
import type { RemoteFile } from "./open-context-options.js";

/** The tree of the file `name`, of mode 0600 as BuildKit has it. */
export function singleFileTree(name: string, file: RemoteFile, label: string): FileTree {
  const tree = new IndexTree<RemoteFile>(label, ({ path }) => {
    const fd = openSync(path, "r");
    return {
      read: (target, offset, length) => readSync(fd, target, offset, length, null),
      close: () => closeSync(fd),
    };
  });
  const { sizeBytes: size, mtimeSeconds } = file;
  tree.put(bytesOf(name), { ...EMPTY_NODE, mode: 0o600, size, mtimeSeconds }, file);
  return tree;
}

/** The last component of the URL's path; `undefined` when it has none that is a file's name. */
export function urlBaseName(url: string): string | undefined {
  let path = new URL(url).pathname;
  try {
    path = decodeURIComponent(path);
  } catch {
    // Taken as it is written.
  }
  const name = path.replace(/\/+$/, "").split("/").at(-1) ?? "";
  return name === "" || name === "." || name === ".." || name.includes("\0") ? undefined : name;
}

/** The URL without credentials, query and fragment. */
export function shownUrl(url: string): string {
  return hideCredentials(url).replace(/[?#].*$/s, "");
}
