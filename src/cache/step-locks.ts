/**
 * Lets one process make a step while others that want the same wait for it (K6). Only ever for speed: where no lock can be had,
 * and when its owner is gone, the step is made, and two that make the same write the same.
 */
import { rmdirSync } from "node:fs";
import { join } from "node:path";
import { isOcibuildError } from "../errors.js";
import type { Abortable } from "../oci/blobs.js";
import { FolderLock } from "./folder-lock.js";

export class StepLocks {
  readonly #dir: string;
  readonly #writable: boolean;

  /** @param dir holds a folder for each step that is being made */
  constructor(dir: string, writable: boolean) {
    this.#dir = dir;
    this.#writable = writable;
  }

  /**
   * What `action` gives, run while no other living process is in `hold` for `name` (64 hex digits). Who waited looks first
   * whether there is anything left to do.
   * @throws what `action` throws, the signal's reason
   */
  async hold<T>(name: string, action: () => Promise<T>, options: Abortable): Promise<T> {
    if (!this.#writable) return action();
    const dir = join(this.#dir, name);
    const lock = new FolderLock(dir, { waitMs: Number.POSITIVE_INFINITY, isLong: true });
    let hasBegun = false;
    try {
      return await lock.hold(() => {
        hasBegun = true;
        return action();
      }, options);
    } catch (error) {
      if (hasBegun || !isOcibuildError(error, "STORE_UNUSABLE")) throw error;
      return await action();
    } finally {
      removeEmpty(dir);
    }
  }
}

function removeEmpty(dir: string): void {
  try {
    rmdirSync(dir);
  } catch {
    // Others wait there.
  }
}
