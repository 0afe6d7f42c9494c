/** Caches that are in a tree while a command runs. Where each belongs is written down, so that a kill does not lose them. */
import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import type { ByteString } from "../../util/bytes.js";
import { ownerState } from "../../util/process-owner.js";
import { executorFailed } from "../kit/failures.js";
import { RealFolder } from "./real-path.js";

const RECORDS = "caches";

interface Moved {
  /** Folder of the cache in the store. */
  readonly home: string;
  /** The tree, and where in it the cache is: one character for each byte. */
  readonly root: string;
  readonly path: string;
}

export class CacheMoves {
  readonly #executor: string;
  readonly #records: string;
  #count = 0;

  /** `folder` is the run's. */
  constructor(executor: string, folder: string) {
    this.#executor = executor;
    this.#records = join(folder, RECORDS);
    mkdirSync(this.#records, { mode: 0o700 });
  }

  /** Moves the cache at `home` to `path` of the tree `root`; the function returned moves it back from there. */
  move(home: string, root: ByteString, path: ByteString): (place: string | Buffer) => void {
    const record = join(this.#records, String(this.#count++));
    writeFileSync(record, JSON.stringify({ home, root, path } satisfies Moved));
    try {
      renameSync(home, new RealFolder(root).place(path));
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "EXDEV") throw error;
      const hint = "Keep the whole store on one file system, and not in an image of the container.";
      throw executorFailed(
        this.#executor,
        `the cache at "${home}" cannot be moved to where the command sees it`,
        hint,
        error,
      );
    }
    return (place) => {
      // The store may have been pruned meanwhile.
      mkdirSync(dirname(home), { recursive: true, mode: 0o700 });
      renameSync(place, home);
      rmSync(record);
    };
  }
}

/** Moves back what runs of dead owners have left in the trees below `folder`. */
export function recoverCaches(folder: string): void {
  for (const name of namesIn(folder)) {
    if (ownerState(name) !== "dead") continue;
    for (const record of namesIn(join(folder, name, RECORDS))) {
      try {
        recover(JSON.parse(readFileSync(join(folder, name, RECORDS, record), "utf8")) as Moved);
      } catch {
        // A cache that cannot be saved is made again.
      }
    }
  }
}

function recover({ home, root, path }: Moved): void {
  const tree = new RealFolder(root as ByteString);
  if (tree.isFolder(path as ByteString)) renameSync(tree.place(path as ByteString), home);
}

function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}
