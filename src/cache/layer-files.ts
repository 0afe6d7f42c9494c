/**
 * Layers by diffID: the uncompressed tar, its index, and which compressed forms of it were made.
 *
 * `<hex>.tar` is written without fsync, because a large one would wait for the disk for seconds. `<hex>.size` says how
 * long it is and in which boot it was written: after a power loss (another boot) the tar is hashed before its first use
 * (K2). Without a boot id (not Linux) it is fsynced instead.
 */
import { renameSync, statSync } from "node:fs";
import { join } from "node:path";
import { isOcibuildError } from "../errors.js";
import type { Abortable } from "../oci/blobs.js";
import { type DiffId, hexOf } from "../oci/digest.js";
import type { Descriptor } from "../oci/types.js";
import { bootId, ownedName } from "../util/process-owner.js";
import type { BlobDirectory } from "./blob-directory.js";
import { descriptorOf } from "./index-document.js";
import { inFolder, type PendingFile } from "./pending-file.js";
import { readSealed, readSealedJson, writeSealed } from "./sealed-file.js";
import type { StoreFolders } from "./store-folders.js";
import { type ExpectedContent, notFound, type ReadOptions, readVerified, verifyFile } from "./verified-file.js";

const INDEX_LIMIT_BYTES = 512 * 1024 * 1024;
const RECORD_LIMIT_BYTES = 1024 * 1024;
/** Most compressed forms remembered of one layer; the oldest go. */
const FORMS_KEPT = 32;
/** Stands for the boot in a size record once the tar is known to be on the disk. */
const DURABLE = "durable";

/** A compressed form of a layer that was made before. */
export interface CompressedForm {
  /** Everything that decides the bytes: algorithm, level, version of the compressor. */
  readonly spec: string;
  readonly descriptor: Descriptor;
}

interface SizeRecord {
  readonly diffId: DiffId;
  readonly sizeBytes: number;
  readonly boot: string;
}

export class LayerFiles {
  readonly #dir: string;
  readonly #folders: StoreFolders;
  readonly #blobs: BlobDirectory;
  readonly #boot: string | null;

  /** Layers in the folder `dir`. `boot` names the running boot, `null` where the system does not tell. */
  constructor(dir: string, folders: StoreFolders, blobs: BlobDirectory, boot: string | null = bootId() ?? null) {
    this.#dir = dir;
    this.#folders = folders;
    this.#blobs = blobs;
    this.#boot = boot;
  }

  /** Where the layer's tar is, or would be; before reading there, ask `verifiedTar`. */
  tarPath(diffId: DiffId): string {
    return this.#path(diffId, "tar");
  }

  /** Whether the layer's tar is there with its full size: two small reads. */
  hasTar(diffId: DiffId): boolean {
    return this.#sizeRecord(diffId) !== undefined;
  }

  /** Bytes of the layer's tar, or `undefined` when it is not there. */
  tarSize(diffId: DiffId): number | undefined {
    return this.#sizeRecord(diffId)?.sizeBytes;
  }

  /**
   * The path of the layer's tar if its bytes can be relied on, else `undefined`. Hashes the tar when it was written in
   * another boot and not looked at since; a damaged one is removed.
   */
  async verifiedTar(diffId: DiffId, options: Abortable = {}): Promise<string | undefined> {
    const record = this.#sizeRecord(diffId);
    if (record === undefined) return undefined;
    const path = this.tarPath(diffId);
    if (record.boot === this.#boot || record.boot === DURABLE) return path;
    try {
      await verifyFile(path, { digest: diffId, size: record.sizeBytes }, options);
    } catch (error) {
      if (!this.#isDamage(error)) throw error;
      this.discardDamaged(diffId);
      return undefined;
    }
    // It was read back from the disk in a later boot, so it will be there after the next one too.
    this.#remember(this.#path(diffId, "size"), recordBytes({ ...record, boot: DURABLE }));
    return path;
  }

  /**
   * The bytes of the layer's tar, verified like a blob.
   * @throws BLOB_NOT_FOUND, BLOB_DIGEST_MISMATCH, BLOB_SIZE_MISMATCH (with the diffID as digest)
   */
  async *readTar(diffId: DiffId, options: ReadOptions = {}): AsyncGenerator<Buffer, void, undefined> {
    const expected: ExpectedContent = { digest: diffId, size: this.#sizeRecord(diffId)?.sizeBytes ?? -1 };
    if (expected.size < 0) throw notFound(expected);
    try {
      yield* readVerified(this.tarPath(diffId), expected, options);
    } catch (error) {
      if (this.#isDamage(error)) this.discardDamaged(diffId);
      throw error;
    }
  }

  /** Moves the layer's tar away, which somebody found to be damaged or gone. Never fails. */
  discardDamaged(diffId: DiffId): void {
    this.#folders.lost(`layer "${diffId}" in the store was damaged and is made again`);
    try {
      const aside = join(this.#folders.tmp, `${ownedName()}.damaged`);
      inFolder(aside, () => renameSync(this.tarPath(diffId), aside));
    } catch {
      // Gone already, or a store that cannot be written to.
    }
  }

  /** A file for a layer's tar whose diffID is not known yet; give it to `publishTar`, or discard it. @throws STORE_UNUSABLE */
  createTar(): PendingFile {
    return this.#folders.createFile();
  }

  /**
   * Makes `file` the tar of the layer `diffId`, which the caller has computed while writing it. Idempotent: a tar that
   * is there already stays.
   * @throws STORE_UNUSABLE
   */
  async publishTar(file: PendingFile, diffId: DiffId): Promise<void> {
    if (this.tarSize(diffId) === file.sizeBytes) return file.discard();
    if (this.#boot === null) await file.sync();
    const { sizeBytes } = file;
    file.commitUnsynced(this.tarPath(diffId));
    this.#folders.touch(this.tarPath(diffId));
    writeSealed(
      this.#folders.tmp,
      this.#path(diffId, "size"),
      recordBytes({ diffId, sizeBytes, boot: this.#boot ?? DURABLE }),
    );
  }

  /** The index of the layer's tar as it was written, or `undefined` when it is missing or damaged. */
  readIndex(diffId: DiffId): Buffer | undefined {
    return readSealed(this.#path(diffId, "index"), INDEX_LIMIT_BYTES);
  }

  /** Remembers the index of the layer's tar. Never fails: it can be made again. */
  writeIndex(diffId: DiffId, index: Uint8Array): void {
    this.#remember(this.#path(diffId, "index"), index);
  }

  /** Compressed forms that were made of the layer and whose blobs are in the store, newest first. */
  compressedForms(diffId: DiffId): readonly CompressedForm[] {
    return this.#forms(diffId).filter((form) => this.#blobs.isPresent(form.descriptor));
  }

  /** Remembers that the layer, compressed as `spec` says, is the blob `descriptor`. Never fails: it can be made again. */
  rememberCompressed(diffId: DiffId, spec: string, descriptor: Descriptor): void {
    const others = this.#forms(diffId).filter((form) => form.spec !== spec);
    const forms = [{ spec, descriptor }, ...others].slice(0, FORMS_KEPT);
    this.#remember(this.#path(diffId, "forms"), Buffer.from(JSON.stringify({ diffId, forms })));
  }

  #forms(diffId: DiffId): readonly CompressedForm[] {
    const record = readSealedJson(this.#path(diffId, "forms"), RECORD_LIMIT_BYTES) as
      | { readonly diffId?: DiffId; readonly forms: readonly CompressedForm[] }
      | undefined;
    if (record?.diffId !== diffId) return [];
    return record.forms.filter((form) => descriptorOf(form.descriptor) !== undefined);
  }

  /** What is known of the tar; `undefined` unless a tar of that size is there. */
  #sizeRecord(diffId: DiffId): SizeRecord | undefined {
    const stat = statSync(this.tarPath(diffId), { throwIfNoEntry: false });
    if (stat === undefined || !stat.isFile()) return undefined;
    const record = readSealedJson(this.#path(diffId, "size"), RECORD_LIMIT_BYTES) as SizeRecord | undefined;
    if (record?.diffId !== diffId || record.sizeBytes !== stat.size) return undefined;
    // Whoever asks relies on the answer.
    this.#folders.touch(this.tarPath(diffId));
    return record;
  }

  #remember(path: string, payload: Uint8Array): void {
    try {
      writeSealed(this.#folders.tmp, path, payload);
    } catch (error) {
      this.#folders.warn(`"${path}" could not be written: ${error instanceof Error ? error.message : String(error)}`);
    }
  }

  #isDamage(error: unknown): boolean {
    return (
      isOcibuildError(error, "BLOB_DIGEST_MISMATCH") ||
      isOcibuildError(error, "BLOB_SIZE_MISMATCH") ||
      isOcibuildError(error, "BLOB_NOT_FOUND")
    );
  }

  #path(diffId: DiffId, kind: "tar" | "size" | "index" | "forms"): string {
    return join(this.#dir, `${hexOf(diffId)}.${kind}`);
  }
}

function recordBytes(record: SizeRecord): Buffer {
  return Buffer.from(JSON.stringify(record));
}
