/** Bare git repositories that builds read from, one for each remote. Can be deleted at any moment. */
import { createHash } from "node:crypto";
import { join } from "node:path";
import type { Abortable } from "../oci/blobs.js";
import { FolderLock } from "./folder-lock.js";
import type { StoreUse } from "./keeping/store-use.js";

/** A fetch can take long; who waits for its end does not fetch the same again. */
const LOCK_WAIT_MS = 3600 * 1000;

export interface GitRepository {
  /** A folder that may not exist yet. */
  readonly path: string;
  /** Runs `action` while no other process is in `hold` for this repository. @throws STORE_UNUSABLE */
  hold<T>(action: () => Promise<T>, options?: Abortable): Promise<T>;
}

export class GitRepositories {
  readonly #use: Pick<StoreUse, "touch">;
  readonly #dir: string;
  readonly #locks: string;
  readonly #known = new Map<string, GitRepository>();

  /** @param root of the store */
  constructor(root: string, use: Pick<StoreUse, "touch">) {
    this.#use = use;
    this.#dir = join(root, "git", "v1");
    this.#locks = join(root, "locks");
  }

  /** The repository for what is fetched from `remoteUrl`, which holds no credentials. */
  at(remoteUrl: string, objectFormat: "sha1" | "sha256"): GitRepository {
    const id = createHash("sha256").update(`${objectFormat}\0${remoteUrl}`).digest("hex").slice(0, 40);
    let repository = this.#known.get(id);
    if (repository === undefined) {
      const lock = new FolderLock(join(this.#locks, `git-${id}`), { waitMs: LOCK_WAIT_MS, isLong: true });
      repository = { path: join(this.#dir, id), hold: (action, options) => lock.hold(action, options) };
      this.#known.set(id, repository);
      this.#use.touch(repository.path);
    }
    return repository;
  }
}
