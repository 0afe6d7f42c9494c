/** The content of a file that ADD has fetched. */
import { closeSync, openSync, readSync } from "node:fs";
import type { ContentReader } from "../tree/file-tree.js";
import type { FileContent } from "./fs-node.js";
import type { FetchedFile } from "./run-context.js";

/** Reads the local copy; its digest is known from fetching it. */
export function fetchedFileContent(file: FetchedFile): FileContent {
  return {
    open: () => fileReader(file.path),
    knownDigest: () => file.sha256,
    rememberDigest() {},
  };
}

/** Reads a file of our own from `start` on, at most `length` bytes. */
export function fileReader(path: string, start: number = 0, length: number = Number.POSITIVE_INFINITY): ContentReader {
  const file = openSync(path, "r");
  let position = start;
  const end = start + length;
  return {
    read(target, offset, count) {
      const wanted = Math.min(count, end - position);
      const got = wanted === 0 ? 0 : readSync(file, target, offset, wanted, position);
      position += got;
      return got;
    },
    close: () => closeSync(file),
  };
}
