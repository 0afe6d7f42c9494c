/** A layer as files on disk, ready to be a lower folder of an overlay. */
import type { ByteString } from "../../util/bytes.js";

export interface PreparedLayer {
  /** Absolute path as bytes; its content is the layer, whiteouts as overlayfs has them or in `hidden`. */
  readonly folder: ByteString;
  /** Directories of which nothing below is seen; no leading slash. */
  readonly opaque: ReadonlySet<ByteString>;
  /** What the layer deletes of those below, where no file stands for it; no leading slash. */
  readonly hidden: ReadonlySet<ByteString>;
  /** What the layer says of the top directory. */
  readonly root: RootMeta | undefined;
}

export interface RootMeta {
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
}
