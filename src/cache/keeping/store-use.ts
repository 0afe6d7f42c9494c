/**
 * Who uses a store, and what was used when. A process that works with a store has a lease: a file that names it, made before
 * it relies on anything. What it relies on it touches; so what was used since the oldest lease is in use, and nobody has to
 * list anything (K7).
 *
 * Times are those of the store's file system: a lease's file tells what time it is there, and the process counts on from
 * that. The system's clock may jump (K8).
 */
import { closeSync, fstatSync, openSync, readdirSync, statSync, unlinkSync, utimesSync } from "node:fs";
import { join } from "node:path";
import { ownedName, ownerState } from "../../util/process-owner.js";
import { inFolder } from "../pending-file.js";

/** How long a lease counts whose owner cannot be asked for (another machine or container). */
const FOREIGN_LEASE_MS = 24 * 3600 * 1000;
/** Time stamps of some file systems are that coarse. */
const COARSE_MS = 2_000;
/** A time stamp this far ahead was made by a clock that was wrong. */
const AHEAD_MS = 60_000;

export class StoreUse {
  readonly #dir: string;
  readonly #writable: boolean;
  readonly #touched = new Set<string>();
  #lease: string | undefined;
  #clock: { readonly fileSystemMs: number; readonly countedMs: number } | undefined;

  /** @param dir the folder of leases; made when it is missing */
  constructor(dir: string, writable: boolean) {
    this.#dir = dir;
    this.#writable = writable;
  }

  /** Marks `path` as used now; once for each path. Without effect where it is missing or cannot be written to. */
  touch(path: string): void {
    if (!this.#writable || this.#touched.has(path)) return;
    this.begin();
    const now = this.nowMs();
    if (now === undefined) return;
    this.#touched.add(path);
    try {
      utimesSync(path, now / 1000, now / 1000);
    } catch {
      // Gone: whoever relies on it finds that out by itself.
    }
  }

  /** Takes a lease, unless this process has one. Never fails: without one others may remove what is in use, which costs time. */
  begin(): void {
    if (this.#lease !== undefined || !this.#writable) return;
    const path = join(this.#dir, ownedName());
    try {
      const file = inFolder(path, () => openSync(path, "wx", 0o600));
      try {
        this.#clock = { fileSystemMs: fstatSync(file).mtimeMs, countedMs: performance.now() };
      } finally {
        closeSync(file);
      }
      this.#lease = path;
    } catch {
      // A store that cannot be written to: nothing can be removed from it either.
    }
  }

  /** Milliseconds since 1970 by the store's file system; `undefined` without a lease. */
  nowMs(): number | undefined {
    const clock = this.#clock;
    return clock && clock.fileSystemMs + (performance.now() - clock.countedMs);
  }

  /** Gives the lease back. Idempotent. */
  end(): void {
    const lease = this.#lease;
    this.#lease = undefined;
    this.#touched.clear();
    try {
      if (lease !== undefined) unlinkSync(lease);
    } catch {
      // It counts for nothing once this process has ended.
    }
  }

  /** What is in use, by the leases there are now. Leases of dead processes are removed on the way. */
  inUse(): (lastUsedMs: number) => boolean {
    this.begin();
    const now = this.nowMs() ?? 0;
    const starts = this.#others().map((start) => start - COARSE_MS);
    return (lastUsedMs) =>
      starts.some((start) => lastUsedMs >= start && (lastUsedMs <= now + AHEAD_MS || start > now + AHEAD_MS));
  }

  /** When the leases of living processes began. The own one counts only if it touched something. */
  #others(): readonly number[] {
    const own = this.#touched.size === 0 ? this.#lease : undefined;
    const now = this.nowMs() ?? 0;
    return namesIn(this.#dir).flatMap((name) => {
      const path = join(this.#dir, name);
      if (path === own) return [];
      const start = statSync(path, { throwIfNoEntry: false })?.mtimeMs;
      if (start === undefined) return [];
      const state = ownerState(name);
      const isLive = state === "alive" || (state === "unknown" && Math.abs(now - start) < FOREIGN_LEASE_MS);
      if (isLive) return [start];
      try {
        unlinkSync(path);
      } catch {
        // Somebody else did.
      }
      return [];
    });
  }
}

function namesIn(dir: string): readonly string[] {
  try {
    return readdirSync(dir);
  } catch {
    return [];
  }
}
