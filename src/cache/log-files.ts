/**
 * What commands printed, one file each, for whoever wants to know more than a terminal showed (L7). The newest are kept;
 * nothing depends on them.
 */
import { randomBytes } from "node:crypto";
import { lstatSync, type Stats, unlinkSync } from "node:fs";
import { join } from "node:path";
import { namesIn } from "./keeping/disk-usage.js";
import { OutputLog, type OutputLogLimits } from "./output-log.js";
import { systemCode } from "./store-error.js";
import type { StoreFolders } from "./store-folders.js";

/** What is kept beside the newest: younger than this, and so many, and as long as they take no more together. */
const KEPT_MS = 30 * 24 * 3600 * 1000;
const KEPT_COUNT = 256;
const KEPT_BYTES = 1024 ** 3;

export interface KeptLog {
  /** Takes what a command prints; the bytes may be changed afterwards. Never fails: a log that cannot be written is a warning. */
  write(chunk: Uint8Array): void;
  /** Ends it: the file that holds all of it, absolute; `undefined` when nothing was printed or nothing could be kept. Never fails. */
  keep(): string | undefined;
}

export class LogFiles {
  readonly #dir: string;
  readonly #folders: StoreFolders;
  readonly #isKept: boolean;
  readonly #limits: OutputLogLimits | undefined;
  #isTidy = false;

  /** @param isKept whether the store is there when the build is over; else there is no log */
  constructor(dir: string, folders: StoreFolders, isKept: boolean, limits?: OutputLogLimits) {
    this.#dir = dir;
    this.#folders = folders;
    this.#isKept = isKept;
    this.#limits = limits;
  }

  /** Begins a log. Names hold when it ended and `label`, so that a list of them is in order and tells the steps. */
  start(label: string): KeptLog {
    let log = this.#isKept ? new OutputLog(() => this.#folders.createFile(), this.#limits) : undefined;
    const guarded = <T>(action: (log: OutputLog) => T): T | undefined => {
      try {
        return log && action(log);
      } catch (error) {
        log = undefined;
        this.#folders.warn(`what commands print cannot be kept in "${this.#dir}": ${reasonOf(error)}`);
        return undefined;
      }
    };
    return {
      write: (chunk) => guarded((open) => open.write(chunk)),
      keep: () =>
        guarded((open) => {
          log = undefined;
          const file = open.finish();
          if (file === undefined) return undefined;
          const now = statOf(file.path)?.mtimeMs ?? 0;
          const path = join(this.#dir, nameOf(label, now));
          file.commitUnsynced(path);
          this.#tidy(path, now);
          return path;
        }),
    };
  }

  /** Removes what is too old or too much, once for each process. */
  #tidy(newest: string, now: number): void {
    if (this.#isTidy) return;
    this.#isTidy = true;
    const others = namesIn(this.#dir).map((name) => join(this.#dir, name));
    const found = others.flatMap((path) => {
      const stat = path === newest ? undefined : statOf(path);
      return stat === undefined ? [] : [{ path, sizeBytes: stat.size, mtimeMs: stat.mtimeMs }];
    });
    let bytes = 0;
    for (const [index, { path, sizeBytes, mtimeMs }] of found.sort((a, b) => b.mtimeMs - a.mtimeMs).entries()) {
      bytes += sizeBytes;
      if (index < KEPT_COUNT && bytes <= KEPT_BYTES && now - mtimeMs < KEPT_MS) continue;
      try {
        unlinkSync(path);
      } catch {
        // Somebody else did, or a later build will.
      }
    }
  }
}

/** `20261121T114003Z-build-2-6f1d09a2.log` */
function nameOf(label: string, timeMs: number): string {
  const time = new Date(timeMs).toISOString().replace(/\.\d+/, "").replace(/[-:]/g, "");
  const safe = label.replace(/[^A-Za-z0-9_.-]/g, "-").slice(0, 64);
  return `${time}-${safe}-${randomBytes(4).toString("hex")}.log`;
}

function statOf(path: string): Stats | undefined {
  try {
    return lstatSync(path, { throwIfNoEntry: false });
  } catch {
    return undefined;
  }
}

/** Without names of temporary files, so that it is told once. */
function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return systemCode(error.cause) ?? error.message;
}
