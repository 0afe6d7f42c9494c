/**
 * Files of secrets, where the store is in memory. Each has a second name in a folder of the executor, so that whoever
 * ends a run can empty it, wherever the command has put the first.
 */
import { chmodSync, chownSync, linkSync, mkdirSync, rmSync, statfsSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type ByteString, fsPath } from "../../util/bytes.js";

const TMPFS = 0x01021994;
const RAMFS = 0x858458f6;

/** Whether files in `folder` are in memory and never on a disk. */
export function isInMemory(folder: string): boolean {
  const { type } = statfsSync(folder);
  return type === TMPFS || type === RAMFS;
}

export interface SecretOwner {
  readonly uid: number;
  readonly gid: number;
  readonly mode: number;
}

export class SecretFiles {
  readonly folder: string;
  #count = 0;

  /** `folder` is made; on the file system of the trees. */
  constructor(folder: string) {
    this.folder = folder;
    mkdirSync(folder, { mode: 0o700 });
  }

  /** Makes the file `place`; the function returned empties it under all its names. */
  make(place: ByteString, content: Buffer, { uid, gid, mode }: SecretOwner): () => void {
    const kept = join(this.folder, String(this.#count++));
    writeFileSync(kept, content, { mode: 0o600, flag: "wx" });
    linkSync(kept, fsPath(place));
    chownSync(kept, uid, gid);
    chmodSync(kept, mode);
    return () => {
      truncateSync(kept);
      rmSync(kept);
    };
  }
}
