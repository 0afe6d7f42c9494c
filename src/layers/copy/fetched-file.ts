/** The content of a file that ADD has fetched. */
import { closeSync, openSync, readSync } from "node:fs";
import { storeError } from "../../cache/store-error.js";
import { wrongDigest } from "../../cache/verified-file.js";
import type { ContentReader } from "../../tree/file-tree.js";
import type { FileContent } from "../fs/fs-node.js";
import type { FetchedFile } from "../run-context.js";

/** Reads the local copy; its digest is known from fetching it. */
export function fetchedFileContent(file: FetchedFile): FileContent {
  return {
    open: () => fileReader(file.path),
    knownDigest: () => file.sha256,
    rememberDigest(sha256) {
      if (!sha256.equals(file.sha256)) throw wrongDigest(shown(file.sha256), shown(sha256));
    },
  };
}

/**
 * Reads a file of our own from `start` on, at most `length` bytes.
 * @throws STORE_UNUSABLE, from `read` too
 */
export function fileReader(path: string, start: number = 0, length: number = Number.POSITIVE_INFINITY): ContentReader {
  let file: number;
  try {
    file = openSync(path, "r");
  } catch (error) {
    throw storeError(error, "read", path);
  }
  let position = start;
  const end = start + length;
  return {
    read(target, offset, count) {
      const wanted = Math.min(count, end - position);
      try {
        const got = wanted === 0 ? 0 : readSync(file, target, offset, wanted, position);
        position += got;
        return got;
      } catch (error) {
        throw storeError(error, "read", path);
      }
    },
    close: () => closeSync(file),
  };
}

function shown(sha256: Buffer): string {
  return `sha256:${sha256.toString("hex")}`;
}
