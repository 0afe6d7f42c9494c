/**
 * Which result a step had: one record for each key, kept with everything the key was made of, so that a miss can be
 * explained. Records are sealed, not fsynced: a lost one costs the step once more.
 */
import { existsSync, readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { canonicalJson, type JsonObject, type JsonValue } from "../util/canonical-json.js";
import { type CacheKey, isKey, type ShapeKey, type StepKeyParts, shapeKey, stepKey } from "./key.js";
import { readSealed, readSealedJson, writeSealed } from "./sealed-file.js";
import { decodeStepFiles, encodeStepFiles, type StepFileGroup, type StepFiles } from "./step-files.js";
import type { StoreFolders } from "./store-folders.js";

const RECORD_LIMIT_BYTES = 16 * 1024 * 1024;
/** Most bytes of a list of files. */
export const FILE_LIST_LIMIT_BYTES: number = 64 * 1024 * 1024;
/** Most records of one shape that are looked at. */
const SHAPE_LIMIT = 4096;

/** What a step was made of, and what came out. */
export interface StepRecord {
  readonly version: 1;
  readonly key: CacheKey;
  readonly shapeKey: ShapeKey;
  readonly parts: StepKeyParts;
  /** Defined by who runs steps: the diffID of the new layer or none, when it first ran, … */
  readonly result: JsonValue;
}

export class StepCache {
  readonly #dir: string;
  readonly #folders: StoreFolders;

  constructor(dir: string, folders: StoreFolders) {
    this.#dir = dir;
    this.#folders = folders;
  }

  /** The record of the step with these parts; `undefined` when there is none, or none that is whole. One small read. */
  get(parts: StepKeyParts): StepRecord | undefined {
    return this.#read(shapeKey(parts), stepKey(parts));
  }

  /**
   * Remembers the result of a step and, for explaining later misses, the files it read. Replaces an earlier record.
   * Never fails: what cannot be written costs the step once more.
   */
  put(parts: StepKeyParts, result: JsonValue, files: Iterable<StepFileGroup> = []): StepRecord {
    const record: StepRecord = { version: 1, key: stepKey(parts), shapeKey: shapeKey(parts), parts, result };
    const path = this.#path(record.shapeKey, record.key);
    try {
      const listed = encodeStepFiles(record.key, files);
      if (listed !== undefined) writeSealed(this.#folders.tmp, `${path}.files`, listed);
      writeSealed(this.#folders.tmp, `${path}.record`, Buffer.from(canonicalJson(record as unknown as JsonObject)));
    } catch (error) {
      this.#folders.warn(
        `"${path}.record" could not be written: ${error instanceof Error ? error.message : String(error)}`,
      );
    }
    return record;
  }

  /** Whether any step of this shape was remembered: one look, no reading. Decides between hashing and packing first. */
  hasShape(shape: ShapeKey): boolean {
    return existsSync(join(this.#dir, shape));
  }

  /** Up to `limit` records of a shape, newest first: what a missed step is compared with. */
  listByShape(shape: ShapeKey, limit = 8): readonly StepRecord[] {
    const keys = this.#keysByAge(shape);
    const records: StepRecord[] = [];
    for (const key of keys) {
      if (records.length >= limit) break;
      const record = this.#read(shape, key);
      if (record !== undefined) records.push(record);
    }
    return records;
  }

  /** The record that was stored under these keys, like `get`. */
  find(shape: ShapeKey, key: CacheKey): StepRecord | undefined {
    return isKey(shape) && isKey(key) ? this.#read(shape, key) : undefined;
  }

  /** The files that the step of `record` read (at most 200,000), or `undefined` when that is not known. */
  filesOf(record: StepRecord): StepFiles | undefined {
    const bytes = this.fileListOf(record.shapeKey, record.key);
    return bytes === undefined ? undefined : decodeStepFiles(record.key, bytes);
  }

  /** As `filesOf`, as `encodeStepFiles` has it: for who hands it on. */
  fileListOf(shape: ShapeKey, key: CacheKey): Buffer | undefined {
    return readSealed(`${this.#path(shape, key)}.files`, FILE_LIST_LIMIT_BYTES);
  }

  /** A record counts only under the key that its parts give. */
  #read(shape: ShapeKey, key: CacheKey): StepRecord | undefined {
    const record = readSealedJson(`${this.#path(shape, key)}.record`, RECORD_LIMIT_BYTES) as StepRecord | undefined;
    if (record?.version !== 1 || record.key !== key || record.shapeKey !== shape) return undefined;
    if (stepKey(record.parts) !== key || shapeKey(record.parts) !== shape) return undefined;
    this.#folders.touch(`${this.#path(shape, key)}.record`);
    return record;
  }

  #keysByAge(shape: ShapeKey): readonly CacheKey[] {
    let names: readonly string[];
    try {
      names = readdirSync(join(this.#dir, shape));
    } catch {
      return [];
    }
    const keys = names.flatMap((name) => {
      const key = name.endsWith(".record") ? name.slice(0, -".record".length) : "";
      return isKey(key) ? [key as CacheKey] : [];
    });
    return keys
      .slice(0, SHAPE_LIMIT)
      .map((key) => {
        const stat = statSync(`${this.#path(shape, key)}.record`, { throwIfNoEntry: false });
        return { key, mtimeMs: stat?.mtimeMs ?? 0 };
      })
      .sort((one, other) => other.mtimeMs - one.mtimeMs || (one.key < other.key ? -1 : 1))
      .map(({ key }) => key);
  }

  #path(shape: ShapeKey, key: CacheKey): string {
    return join(this.#dir, shape, key);
  }
}
