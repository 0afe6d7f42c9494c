/** What the parts of a store share: its folders, and a way to say what it can live with. */
import type { PendingFile } from "./pending-file.js";

export interface StoreFolders {
  /** The OCI layout. */
  readonly images: string;
  /** Files that are being written; on the same file system as everything else of the store. */
  readonly tmp: string;
  /** Files of any size are made here: a store that has a limit keeps it. @throws STORE_UNUSABLE */
  createFile(): PendingFile;
  /** Marks the file as used now. */
  touch(path: string): void;
  /** Makes `images` a valid, empty layout when it is not there yet. @throws STORE_UNUSABLE */
  prepareImages(): Promise<void>;
  /** Says something that costs time but no correctness: a damaged blob, a record that could not be written. */
  warn(message: string): void;
  /** Says, in a warning, that something was damaged and is gone now: who needs it has to make it again. */
  lost(message: string): void;
}
