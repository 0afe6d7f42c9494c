/**
 * What the last builds of one project did, stage by stage: which step had which key. Only for explaining misses: it
 * tells which records a missed step is to be compared with, so that records of other projects are never taken. One file
 * for each project, bounded in size; costs explanations when lost.
 */
import { join } from "node:path";
import type { DiffId } from "../oci/digest.js";
import { type CacheKey, isKey, type ShapeKey } from "./key.js";
import { readSealedJson, writeSealed } from "./sealed-file.js";
import type { StoreFolders } from "./store-folders.js";

export interface JournalStep {
  /** `copy`, `run`, `workdir`. */
  readonly kind: string;
  /** As people know it, in one line. */
  readonly title: string;
  readonly shape: ShapeKey;
  readonly key: CacheKey;
  /** The layer that came out. */
  readonly diffId: DiffId;
}

export interface JournalBase {
  /** `scratch`, `stage`, `image`, `named-context`. */
  readonly kind: string;
  /** As FROM names it. */
  readonly name: string;
  /** Digest of the image's manifest. */
  readonly digest: string | null;
  /** ChainID of its layers. */
  readonly chain: string | null;
}

/** One stage as one build did it; after a failure only the steps before it. */
export interface JournalStage {
  /** Its name, or its number. */
  readonly stage: string;
  readonly platform: string;
  readonly base: JournalBase;
  readonly steps: readonly JournalStep[];
}

interface Journal {
  readonly version: 1;
  readonly stages: readonly JournalStage[];
}

const LIMIT_BYTES = 4 * 1024 * 1024;
/** Runs of one stage for one platform that are kept. */
const RUNS_KEPT = 8;
const STAGES_KEPT = 256;

export class BuildJournals {
  readonly #dir: string;
  readonly #folders: StoreFolders;

  constructor(dir: string, folders: StoreFolders) {
    this.#dir = dir;
    this.#folders = folders;
  }

  /** What earlier builds of the project `id` did, newest first; nothing when that is not known. */
  load(id: string): readonly JournalStage[] {
    if (!isKey(id)) return [];
    const journal = readSealedJson(join(this.#dir, id), LIMIT_BYTES) as Journal | undefined;
    return journal?.version === 1 ? journal.stages : [];
  }

  /** Adds what a build did. Writes nothing when it did what the last one did. Never fails. */
  add(id: string, done: readonly JournalStage[]): void {
    const before = this.load(id);
    const stages = merged(done, before);
    if (!isKey(id) || JSON.stringify(stages) === JSON.stringify(before)) return;
    const bytes = Buffer.from(JSON.stringify({ version: 1, stages } satisfies Journal));
    if (bytes.length > LIMIT_BYTES) return;
    try {
      writeSealed(this.#folders.tmp, join(this.#dir, id), bytes);
    } catch (error) {
      this.#folders.warn(
        `"${join(this.#dir, id)}" could not be written: ${error instanceof Error ? error.message : error}`,
      );
    }
  }
}

/** The stages of `done` before those of `before`, each run once, the newest runs of each stage. */
function merged(done: readonly JournalStage[], before: readonly JournalStage[]): readonly JournalStage[] {
  const seen = new Set<string>();
  const runs = new Map<string, number>();
  const kept = [...done, ...before].filter((stage) => {
    const text = JSON.stringify(stage);
    const place = JSON.stringify([stage.stage, stage.platform]);
    const count = runs.get(place) ?? 0;
    if (seen.has(text) || stage.steps.length === 0 || count === RUNS_KEPT) return false;
    seen.add(text);
    runs.set(place, count + 1);
    return true;
  });
  return kept.slice(0, STAGES_KEPT);
}
