/** What a step hands to the layer writer: tar entries in their final order, each with a way to its bytes. */
import type { TarEntry } from "../tar/entry.js";
import type { ContentReader } from "../tree/file-tree.js";

export interface LayerEntry {
  readonly entry: TarEntry;
  /** For files with `size > 0`: opened when the writer gets there, read to the end once, closed by the writer. */
  readonly open: (() => ContentReader) | undefined;
  /** Told the sha256 of the content after it was read, when given: that is how a step learns its cache key in one pass. */
  readonly onContentDigest: ((sha256: Buffer) => void) | undefined;
}
