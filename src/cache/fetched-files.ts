/**
 * Files that came from web servers, kept so that a server that says "unchanged" need not send them again. Files lie under
 * their digest and are checked when they are used; what a URL gave is a record. Can be deleted at any moment.
 */
import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { isOcibuildError } from "../errors.js";
import type { Abortable } from "../oci/blobs.js";
import type { StepKeyParts } from "./key.js";
import type { PendingFile } from "./pending-file.js";
import type { Store } from "./store.js";
import { verifyFile } from "./verified-file.js";

/** What a URL gave, and how its server can be asked whether it still does. */
export interface FetchRecord {
  /** Lower-case hex. */
  readonly sha256: string;
  readonly sizeBytes: number;
  readonly etag?: string;
  /** As the server wrote it. */
  readonly lastModified?: string;
  /** Whether `lastModified` may be asked with: the reply was much later, so a change would show. */
  readonly isTimeTelling?: boolean;
  /** The name that the server proposed. */
  readonly fileName?: string;
}

export class FetchedFiles {
  readonly #store: Store;
  readonly #dir: string;

  constructor(store: Store) {
    this.#store = store;
    this.#dir = join(store.root, "fetched", "v1");
  }

  /** What `url` gave the last time, if the file is still there. */
  find(url: string): FetchRecord | undefined {
    const record = this.#store.steps.get(partsOf(url))?.result as FetchRecord | undefined;
    if (record === undefined || !existsSync(this.pathOf(record.sha256))) return undefined;
    this.#store.use.touch(this.pathOf(record.sha256));
    return record;
  }

  /** Where the file with this digest is, or will be. */
  pathOf(sha256: string): string {
    return join(this.#dir, sha256);
  }

  /** Whether the file is there and is what the record says: reads it. */
  async isWhole(record: FetchRecord, options: Abortable): Promise<boolean> {
    try {
      const expected = { digest: `sha256:${record.sha256}`, size: record.sizeBytes };
      await verifyFile(this.pathOf(record.sha256), expected, options);
      return true;
    } catch (error) {
      if (isOcibuildError(error)) return false;
      throw error;
    }
  }

  /** A file to write to. @throws STORE_UNUSABLE */
  create(): PendingFile {
    return this.#store.createFile();
  }

  /** Keeps `file` as what `url` gives. @throws STORE_UNUSABLE */
  keep(url: string, file: PendingFile, record: FetchRecord): void {
    // It is checked when it is used, so the disk need not be waited for.
    file.commitUnsynced(this.pathOf(record.sha256));
    this.#store.steps.put(partsOf(url), { ...record });
  }
}

/** URLs can hold secrets: only their digest is kept. */
function partsOf(url: string): StepKeyParts {
  const digest = createHash("sha256").update(url).digest("hex");
  return { kind: "fetch", platform: "", projection: { url: digest }, parent: null, inputs: [] };
}
