/**
 * Blobs in a folder of an OCI layout: `blobs/sha256/<64 hex digits>`. @spec image-layout.md#blobs
 *
 * What is visible is whole: a blob gets its name after its bytes are on the disk. A blob that turns out damaged while it
 * is read is moved away and is a miss from then on (S3, K5).
 */
import { createHash } from "node:crypto";
import { renameSync, statSync, unlinkSync } from "node:fs";
import { join } from "node:path";
import { isOcibuildError } from "../errors.js";
import type { Abortable, BlobReader, BlobWriter } from "../oci/blobs.js";
import { type Digest, hexOf } from "../oci/digest.js";
import type { Descriptor } from "../oci/types.js";
import { ownedName } from "../util/process-owner.js";
import { type PendingFile, syncFolder } from "./pending-file.js";
import type { StoreFolders } from "./store-folders.js";
import { readVerified, wrongDigest, wrongSize } from "./verified-file.js";

export class BlobDirectory implements BlobReader, BlobWriter {
  readonly #dir: string;
  readonly #folders: StoreFolders;
  /** Found damaged by this process; also remembered where the file cannot be moved away. */
  readonly #damaged = new Set<Digest>();

  /** Blobs of the layout folder `folders.images`. */
  constructor(folders: StoreFolders) {
    this.#dir = join(folders.images, "blobs", "sha256");
    this.#folders = folders;
  }

  /** Where the blob is, or would be. */
  pathOf(digest: Digest): string {
    return join(this.#dir, hexOf(digest));
  }

  /** `has` for those who cannot wait: one stat. */
  isPresent(blob: Descriptor): boolean {
    if (this.#damaged.has(blob.digest)) return false;
    const stat = statSync(this.pathOf(blob.digest), { throwIfNoEntry: false });
    const isThere = stat?.isFile() === true && stat.size === blob.size;
    // Whoever asks relies on the answer.
    if (isThere) this.#folders.touch(this.pathOf(blob.digest));
    return isThere;
  }

  async has(blob: Descriptor, options: Abortable = {}): Promise<boolean> {
    options.signal?.throwIfAborted();
    return this.isPresent(blob);
  }

  async *open(blob: Descriptor, options: Abortable = {}): AsyncGenerator<Buffer, void, undefined> {
    const path = this.pathOf(blob.digest);
    const inode = statSync(path, { throwIfNoEntry: false })?.ino;
    try {
      yield* readVerified(path, blob, options);
    } catch (error) {
      if (isOcibuildError(error, "BLOB_DIGEST_MISMATCH") || isOcibuildError(error, "BLOB_SIZE_MISMATCH")) {
        this.#quarantine(blob.digest, path, inode);
      }
      throw error;
    }
  }

  async write(
    blob: Descriptor,
    bytes: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
    options: Abortable = {},
  ): Promise<void> {
    options.signal?.throwIfAborted();
    if (this.isPresent(blob)) return closeUnread(bytes);
    const file = this.create();
    try {
      const hash = createHash("sha256");
      for await (const chunk of bytes) {
        options.signal?.throwIfAborted();
        if (file.sizeBytes + chunk.length > blob.size) throw wrongSize(blob, file.sizeBytes + chunk.length);
        hash.update(chunk);
        file.write(chunk);
      }
      if (file.sizeBytes !== blob.size) throw wrongSize(blob, file.sizeBytes);
      const actual = `sha256:${hash.digest("hex")}`;
      if (actual !== blob.digest) throw wrongDigest(blob.digest, actual);
      options.signal?.throwIfAborted();
      await this.publish(file, blob.digest);
    } finally {
      file.discard();
    }
  }

  /** A file for a blob whose digest is not known yet; give it to `publish`, or discard it. @throws STORE_UNUSABLE */
  create(): PendingFile {
    return this.#folders.createFile();
  }

  /**
   * Makes `file` the blob `digest`, which the caller has computed while writing it. Idempotent: a blob of that size
   * that is there already stays. The bytes are on the disk before the name is visible; the name itself becomes durable
   * with `sync`, which tagging an image calls. `file` is used up, also when this fails.
   * @throws STORE_UNUSABLE
   */
  async publish(file: PendingFile, digest: Digest): Promise<void> {
    try {
      if (this.isPresent({ mediaType: "", digest, size: file.sizeBytes })) return;
      await this.#folders.prepareImages();
      await file.sync();
      file.commitUnsynced(this.pathOf(digest));
      this.#folders.touch(this.pathOf(digest));
      this.#damaged.delete(digest);
    } finally {
      file.discard();
    }
  }

  /** Removes the blob, which nothing refers to any more. Without error when it is gone, or cannot be removed. */
  remove(digest: Digest): void {
    try {
      unlinkSync(this.pathOf(digest));
    } catch {
      // It is gone, or a leftover that is pruned another time.
    }
  }

  /** Makes the names of all blobs published so far durable, by whichever process. @throws STORE_UNUSABLE */
  sync(): void {
    syncFolder(this.#dir);
  }

  #quarantine(digest: Digest, path: string, inode: number | undefined): void {
    this.#damaged.add(digest);
    this.#folders.lost(`blob "${digest}" in the store was damaged and is made or fetched again`);
    try {
      // Another process may have put a good one in its place meanwhile.
      if (statSync(path).ino === inode) renameSync(path, join(this.#folders.tmp, `${ownedName()}.damaged`));
      else this.#damaged.delete(digest);
    } catch {
      // In a store that cannot be written to the blob stays where it is; this process knows.
    }
  }
}

/** Ends a source that nobody reads, so that a file or socket behind it is closed. */
export async function closeUnread(bytes: AsyncIterable<Uint8Array> | Iterable<Uint8Array>): Promise<void> {
  if (Symbol.asyncIterator in bytes) await bytes[Symbol.asyncIterator]().return?.();
  else bytes[Symbol.iterator]().return?.();
}
