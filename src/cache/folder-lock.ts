/**
 * Mutual exclusion between processes, without a daemon: a folder in which each contender puts a file of its own.
 *
 * A contender makes its file, then lists the folder, and has the lock when no other living process has a file there.
 * Two contenders cannot both miss each other. A dead owner's file may be removed by anybody, because its name is never
 * used again; so a waiter never waits for a dead owner, and there is no race about who breaks a stale lock (K6).
 */
import { randomInt } from "node:crypto";
import { closeSync, lstatSync, openSync, readdirSync, unlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { OcibuildError } from "../errors.js";
import type { Abortable } from "../oci/blobs.js";
import { ownedName, ownerPid, ownerState } from "../util/process-owner.js";
import { fileSystemNow, inFolder } from "./pending-file.js";
import { storeError } from "./store-error.js";

/** An owner that cannot be asked (another machine or container) is taken for gone when it gave no sign for so long. */
const UNKNOWN_OWNER_MS = 15_000;
/** How often a lock that is held for long gives one. */
const SIGN_OF_LIFE_MS = 5_000;
const DEFAULT_WAIT_MS = 30_000;
const LONGEST_PAUSE_MS = 64;

export interface FolderLockOptions {
  /** Bounds the wait; 30 s unless given. */
  readonly waitMs?: number;
  /** Whether it may be held for minutes: those who wait then look before they contend. */
  readonly isLong?: boolean;
}

export class FolderLock {
  readonly #dir: string;
  readonly #waitMs: number;
  readonly #isLong: boolean;
  /** Callers of this process queue here instead of contending. */
  #last: Promise<unknown> = Promise.resolve();

  /** `dir` holds the contenders' files and nothing else; it is made when it is missing. */
  constructor(dir: string, { waitMs = DEFAULT_WAIT_MS, isLong = false }: FolderLockOptions = {}) {
    this.#dir = dir;
    this.#waitMs = waitMs;
    this.#isLong = isLong;
  }

  /**
   * Runs `action` while no other process is in `hold` for this folder. `action` should be short, unless the lock is for long.
   * @throws STORE_UNUSABLE when the lock cannot be had in time
   */
  hold<T>(action: () => Promise<T>, options: Abortable = {}): Promise<T> {
    const run = this.#last.then(() => this.#run(action, options));
    this.#last = run.catch(() => undefined);
    return run;
  }

  async #run<T>(action: () => Promise<T>, options: Abortable): Promise<T> {
    const path = await this.#acquire(options);
    const signs = this.#isLong ? setInterval(() => giveSign(path), SIGN_OF_LIFE_MS).unref() : undefined;
    try {
      return await action();
    } finally {
      clearInterval(signs);
      remove(path);
    }
  }

  async #acquire(options: Abortable): Promise<string> {
    const deadline = performance.now() + this.#waitMs;
    for (let pauseMs = 4; ; pauseMs = Math.min(pauseMs * 2, LONGEST_PAUSE_MS)) {
      options.signal?.throwIfAborted();
      const path = this.#isLong && this.#isHeld() ? undefined : this.#tryAcquire();
      if (path !== undefined) return path;
      if (performance.now() > deadline) throw this.#timedOut();
      await sleep(randomInt(1, pauseMs), undefined, options).catch((error: unknown) => {
        options.signal?.throwIfAborted();
        throw error;
      });
    }
  }

  #tryAcquire(): string | undefined {
    const name = ownedName();
    const path = join(this.#dir, name);
    try {
      closeSync(inFolder(path, () => openSync(path, "wx", 0o600)));
    } catch (error) {
      throw storeError(error, "lock", this.#dir);
    }
    try {
      if (this.#others(name).length === 0) return path;
    } catch (error) {
      remove(path);
      throw storeError(error, "lock", this.#dir);
    }
    remove(path);
    return undefined;
  }

  #isHeld(): boolean {
    try {
      return this.#others().length > 0;
    } catch {
      // There is no such folder yet.
      return false;
    }
  }

  /** Files of living contenders other than `own`; those of dead ones are removed on the way. */
  #others(own?: string): readonly string[] {
    return readdirSync(this.#dir).filter((name) => {
      if (name === own) return false;
      if (!this.#isStale(name)) return true;
      remove(join(this.#dir, name));
      return false;
    });
  }

  #isStale(name: string): boolean {
    const state = ownerState(name);
    if (state !== "unknown") return state === "dead";
    const stat = lstatSync(join(this.#dir, name), { throwIfNoEntry: false });
    return stat === undefined || fileSystemNow(this.#dir) - stat.mtimeMs > UNKNOWN_OWNER_MS;
  }

  #timedOut(): OcibuildError<"STORE_UNUSABLE"> {
    const owner = this.#others()[0];
    const pid = owner === undefined ? "unknown" : ownerPid(owner);
    return new OcibuildError(
      "STORE_UNUSABLE",
      `lock "${this.#dir}" expected to be free within ${this.#waitMs / 1000} s but is held by process ${pid}`,
      {
        details: { path: this.#dir },
        hint: "Wait for the other ocibuild process; if there is none, delete the files in that folder.",
      },
    );
  }
}

/** Its time tells others that its owner lives. A write sets it by the clock of the file system. */
function giveSign(path: string): void {
  try {
    writeFileSync(path, ".", { flag: "r+" });
  } catch {
    // Somebody took this process for gone; then two do the same, which harms nobody.
  }
}

function remove(path: string): void {
  try {
    unlinkSync(path);
  } catch {
    // Somebody else removed it, or nobody can: then it counts as stale as soon as this process has ended.
  }
}
