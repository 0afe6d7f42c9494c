/** Bytes on the disk below a path, as du(1) counts them. */
import { lstatSync, readdirSync, type Stats } from "node:fs";
import { join } from "node:path";

const BLOCK_BYTES = 512;
const SLASH = Buffer.from("/");

/** Counts files once that have several names, over all its calls. */
export class DiskUsage {
  readonly #seen = new Set<string>();
  /** Folders that may not be read: what they hold is not counted. */
  readonly unreadable: string[] = [];

  /** Bytes of the file or of the whole folder `path`; 0 when it is gone. */
  of(path: string): number {
    const stat = lstatSync(path, { throwIfNoEntry: false });
    if (stat === undefined) return 0;
    let bytes = this.own(stat);
    // Names may be no UTF-8: they are kept byte for byte.
    const stack = stat.isDirectory() ? [Buffer.from(path)] : [];
    for (let dir = stack.pop(); dir !== undefined; dir = stack.pop()) {
      for (const name of this.#namesIn(dir)) {
        const below = Buffer.concat([dir, SLASH, name]);
        const child = lstatSync(below, { throwIfNoEntry: false });
        if (child === undefined) continue;
        bytes += this.own(child);
        if (child.isDirectory()) stack.push(below);
      }
    }
    return bytes;
  }

  /** Bytes of a file or folder by itself. */
  own(stat: Stats): number {
    if (!stat.isDirectory() && stat.nlink > 1) {
      const id = `${stat.dev}:${stat.ino}`;
      if (this.#seen.has(id)) return 0;
      this.#seen.add(id);
    }
    return stat.blocks * BLOCK_BYTES;
  }

  #namesIn(dir: Buffer): readonly Buffer[] {
    try {
      return readdirSync(dir, "buffer");
    } catch {
      this.unreadable.push(dir.toString("utf8"));
      return [];
    }
  }
}

/** Names in the folder `dir`; none when it is not there. */
export function namesIn(dir: string): readonly string[] {
  try {
    return readdirSync(dir);
  } catch {
    return [];
  }
}

/** Paths of what is in the folder `dir`. */
export function pathsIn(dir: string): readonly string[] {
  return namesIn(dir).map((name) => join(dir, name));
}
