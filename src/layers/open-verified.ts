/** Reading one file on its own, checked against its digest: what is read by offset from a large tar is not else (K5). */
import { createHash } from "node:crypto";
import type { ContentReader } from "../tree/file-tree.js";
import type { FileContent } from "./fs/fs-node.js";

/**
 * Opens `content`, which has `size` bytes. Where its digest is known, whoever reads to the end learns from `close`
 * whether the bytes were the right ones.
 * @throws what `content.open` throws; from `close` what `content.rememberDigest` throws
 */
export function openVerified(content: FileContent, size: number): ContentReader {
  const reader = content.open();
  if (content.knownDigest() === undefined) return reader;
  const hash = createHash("sha256");
  let total = 0;
  return {
    read(target, offset, length) {
      const count = reader.read(target, offset, length);
      hash.update(target.subarray(offset, offset + count));
      total += count;
      return count;
    },
    close() {
      reader.close();
      if (total === size) content.rememberDigest(hash.digest());
    },
  };
}
