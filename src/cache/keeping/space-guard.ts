/**
 * Keeps a store below its limit: asked before bytes are written. It measures, removes what was used least recently, and
 * when that is not enough refuses the write, if somebody has said what the limit is.
 *
 * To measure before each block would take long, so after each measurement a process may write a part of what is left
 * without asking again; so small a part that a dozen processes which do so at once stay below the limit together.
 */
import { statfsSync } from "node:fs";
import { join } from "node:path";
import { OcibuildError } from "../../errors.js";
import { readSealedJson, writeSealed } from "../sealed-file.js";
import { type KnownSizes, takeInventory } from "./inventory.js";
import { type PrunedStore, pruneStore } from "./prune.js";

const SIZES_LIMIT_BYTES = 16 * 1024 * 1024;
/** What one process may write between measurements, of what is left. */
const SHARE = 16;
/** Kept free below the limit, for what is written without asking: records, names, rounding. */
const MARGIN_BYTES = 16 * 1024 * 1024;
/** What may be written beyond a limit that is not hard before it is tried again to remove something. */
const SOFT_SHARE_BYTES = 256 * 1024 * 1024;
/** When things are removed, so many parts of the limit more than needed: not one thing for each block. */
const HEADROOM = 10;

export class SpaceGuard {
  readonly #store: PrunedStore;
  /** Of the whole store. */
  readonly #limitBytes: number;
  readonly #isHard: boolean;
  readonly #sizesFile: string;
  #known: KnownSizes | undefined;
  /** What may be written before the next measurement. */
  #allowance = 0;

  /** @param isHard whether a write is refused when nothing more can be removed; else it is let through */
  constructor(store: PrunedStore, limitBytes: number, isHard: boolean) {
    this.#store = store;
    this.#limitBytes = limitBytes;
    this.#isHard = isHard;
    this.#sizesFile = join(store.root, "sizes", "v1");
  }

  /** To be called before `bytes` are written. @throws STORE_FULL */
  readonly beforeWrite = (bytes: number): void => {
    if (bytes > this.#allowance) this.#measure(bytes);
    this.#allowance -= bytes;
  };

  /** To look through unpacked layers takes seconds: the next build need not. */
  #saveSizes(known: KnownSizes): void {
    if (known.size === 0) return;
    try {
      const text = JSON.stringify(Object.fromEntries(known));
      writeSealed(join(this.#store.root, "tmp"), this.#sizesFile, Buffer.from(text));
    } catch {
      // Then it takes the seconds once more.
    }
  }

  #measure(bytes: number): void {
    const limit = this.#limitBytes;
    const margin = Math.min(MARGIN_BYTES, limit / HEADROOM);
    const usable = limit - margin;
    const isFirst = this.#known === undefined;
    this.#known ??= new Map(
      Object.entries((readSealedJson(this.#sizesFile, SIZES_LIMIT_BYTES) as object | undefined) ?? {}),
    );
    const before = this.#known.size;
    let used = takeInventory(this.#store.root, this.#known).totalBytes;
    if (isFirst || this.#known.size !== before) this.#saveSizes(this.#known);
    if (used + bytes > usable) {
      const maxUsedBytes = Math.max(0, usable - bytes - limit / HEADROOM);
      used = pruneStore(this.#store, { maxUsedBytes, known: this.#known }).leftBytes;
    }
    if (used + bytes > usable) {
      if (this.#isHard) throw full(this.#store.root, limit, used);
      this.#allowance = bytes + SOFT_SHARE_BYTES;
      return;
    }
    this.#allowance = bytes + Math.max(margin, usable - used - bytes) / SHARE;
  }
}

/** As BuildKit has it: 60 % of the file system, at most 100 GB. `undefined` where the system does not tell. */
export function usualLimitBytes(folder: string): number | undefined {
  try {
    const { bsize, blocks } = statfsSync(folder);
    return Math.min(bsize * blocks * 0.6, 100e9);
  } catch {
    return undefined;
  }
}

function full(path: string, limitBytes: number, usedBytes: number): OcibuildError<"STORE_FULL"> {
  const [used, limit] = [usedBytes, limitBytes].map((bytes) => `${(bytes / 1e9).toFixed(2)} GB`);
  return new OcibuildError(
    "STORE_FULL",
    `store "${path}" expected to stay below ${limit} but has ${used}, all in use`,
    {
      details: { path, limitBytes, usedBytes },
      hint: "Remove images (ocibuild rmi) or cache mounts (ocibuild prune --all), or raise the limit with --store-limit.",
    },
  );
}
