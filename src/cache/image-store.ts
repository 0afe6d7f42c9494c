/**
 * The images of a store: which reference means which manifest or index. @spec image-layout.md#indexjson-file
 *
 * Tags are entries of `index.json` with annotations, so that other tools see them. An image that lost its tag keeps an
 * entry without a name until it is pruned.
 */
import { existsSync, renameSync } from "node:fs";
import { join } from "node:path";
import { isOcibuildError } from "../errors.js";
import type { Abortable } from "../oci/blobs.js";
import type { Digest } from "../oci/digest.js";
import type { Descriptor } from "../oci/types.js";
import { canonicalJson, type JsonValue } from "../util/canonical-json.js";
import { ownedName } from "../util/process-owner.js";
import type { BlobDirectory } from "./blob-directory.js";
import type { FolderLock } from "./folder-lock.js";
import {
  descriptorOf,
  EMPTY_INDEX,
  formatIndexDocument,
  type IndexDocument,
  parseIndexDocument,
  referenceOf,
  withoutReference,
  withReference,
} from "./index-document.js";
import { PendingFile } from "./pending-file.js";
import { readSmallFile } from "./sealed-file.js";
import { storeError } from "./store-error.js";
import type { StoreFolders } from "./store-folders.js";
import { notFound } from "./verified-file.js";

const LIMIT_BYTES = 64 * 1024 * 1024;
/** How many images without a tag stay listed, newest kept: a watched build makes one per change. */
const UNTAGGED_KEPT = 500;

/** One line of the list of images. */
export interface StoredImage {
  /** `undefined` for an image without a tag. */
  readonly reference: string | undefined;
  /** Of a manifest or an image index, without the annotations that hold the tag. */
  readonly descriptor: Descriptor;
}

/** What is to be true for a tag to be given. */
export interface TagOptions extends Abortable {
  /** What the image refers to: looked for once more under the lock, so that nobody frees it in between. */
  readonly requires?: readonly Descriptor[];
}

/** What a change takes away. */
export interface Removal {
  /** Tags; an image that loses its last one stays listed without, unless it is dropped. */
  readonly untag: readonly string[];
  /** Images that are not listed any more when no tag means them. */
  readonly drop: readonly Digest[];
  /** Blobs that nothing listed refers to then. */
  readonly free: readonly Digest[];
}

export class ImageStore {
  readonly #folders: StoreFolders;
  readonly #blobs: BlobDirectory;
  readonly #lock: FolderLock;
  readonly #path: string;

  constructor(folders: StoreFolders, blobs: BlobDirectory, lock: FolderLock) {
    this.#folders = folders;
    this.#blobs = blobs;
    this.#lock = lock;
    this.#path = join(folders.images, "index.json");
  }

  /** What `reference` (compared as it is, so give the full form) means, or `undefined`. */
  async find(reference: string): Promise<Descriptor | undefined> {
    return findIn(this.#read(), reference);
  }

  /** All images, oldest entry first. */
  async list(): Promise<readonly StoredImage[]> {
    return listOf(this.#read());
  }

  /**
   * Lets `reference` (one or several) mean `descriptor`, whose blob and all it refers to must be in the store. Once this
   * resolves, image and tag survive a power loss. Does nothing when it is so already.
   * @throws STORE_UNUSABLE, BLOB_NOT_FOUND
   */
  async tag(reference: string | readonly string[], descriptor: Descriptor, options: TagOptions = {}): Promise<void> {
    const references = typeof reference === "string" ? [reference] : reference;
    const needs = [descriptor, ...(options.requires ?? [])];
    await this.#change((index) => references.reduce((to, name) => tagged(to, name, descriptor), index), needs, options);
  }

  /** Lists `descriptor` without a tag, unless it is listed already. @throws STORE_UNUSABLE, BLOB_NOT_FOUND */
  async add(descriptor: Descriptor, options: TagOptions = {}): Promise<void> {
    const needs = [descriptor, ...(options.requires ?? [])];
    await this.#change((index) => (lists(index, descriptor) ? index : withUntagged(index, descriptor)), needs, options);
  }

  /**
   * Takes away what `decide` says of the images as they are now; nobody else changes the list meanwhile. Blobs go when the
   * list is on the disk.
   * @throws STORE_UNUSABLE, what `decide` throws
   */
  async remove(
    decide: (images: readonly StoredImage[]) => Promise<Removal>,
    options: Abortable = {},
  ): Promise<Removal> {
    options.signal?.throwIfAborted();
    await this.#folders.prepareImages();
    return this.#lock.hold(async () => {
      const before = this.#readForChange();
      const removal = await decide(listOf(before));
      options.signal?.throwIfAborted();
      const untagged = removal.untag.reduce(withoutTag, before);
      const after = withoutUntagged(untagged, new Set(removal.drop));
      if (after !== before) await this.#write(after);
      for (const digest of removal.free) this.#blobs.remove(digest);
      return removal;
    }, options);
  }

  /** Takes the tag `reference` away; returns what it meant, or `undefined` when there was no such tag. @throws STORE_UNUSABLE */
  async untag(reference: string, options: Abortable = {}): Promise<Descriptor | undefined> {
    let before: Descriptor | undefined;
    await this.#change(
      (index) => {
        before = findIn(index, reference);
        return before === undefined ? index : withoutTag(index, reference);
      },
      [],
      options,
    );
    return before;
  }

  /** Applies `change`, which returns its argument when there is nothing to do. */
  async #change(
    change: (index: IndexDocument) => IndexDocument,
    needs: readonly Descriptor[],
    options: Abortable,
  ): Promise<void> {
    options.signal?.throwIfAborted();
    this.#assertPresent(needs);
    const seen = this.#read();
    if (change(seen) === seen) return;
    await this.#folders.prepareImages();
    await this.#lock.hold(async () => {
      this.#assertPresent(needs);
      const before = this.#readForChange();
      const after = change(before);
      if (after === before) return;
      options.signal?.throwIfAborted();
      this.#blobs.sync();
      await this.#write(after);
    }, options);
  }

  #assertPresent(needs: readonly Descriptor[]): void {
    const missing = needs.find((blob) => !this.#blobs.isPresent(blob));
    if (missing === undefined) return;
    // Whoever made or fetched it does so again.
    this.#folders.lost(`blob "${missing.digest}" was removed from the store meanwhile`);
    throw notFound(missing);
  }

  async #write(index: IndexDocument): Promise<void> {
    const file = PendingFile.create(this.#folders.tmp);
    try {
      file.write(formatIndexDocument(index));
      await file.commit(this.#path);
    } catch (error) {
      throw storeError(error, "write", this.#path);
    } finally {
      file.discard();
    }
  }

  #read(): IndexDocument {
    const bytes = readSmallFile(this.#path, LIMIT_BYTES);
    if (bytes === undefined) {
      if (existsSync(this.#path)) throw storeError(new Error("unreadable or too large"), "read", this.#path);
      return EMPTY_INDEX;
    }
    try {
      return parseIndexDocument(bytes, this.#path);
    } catch (error) {
      if (!isOcibuildError(error, "DOCUMENT_INVALID")) throw error;
      this.#folders.warn(`the list of images "${this.#path}" is damaged and counts as empty`);
      return EMPTY_INDEX;
    }
  }

  /**
   * The list, under the lock. The file is only ever replaced as a whole, so damage comes from outside: what is there is
   * kept beside it, because the images' blobs are still in the store and can be tagged again.
   */
  #readForChange(): IndexDocument {
    const index = this.#read();
    if (index === EMPTY_INDEX && existsSync(this.#path)) {
      try {
        renameSync(this.#path, join(this.#folders.images, `index.json.damaged-${ownedName()}`));
      } catch (error) {
        throw storeError(error, "write", this.#path);
      }
    }
    return index;
  }
}

function listOf(index: IndexDocument): StoredImage[] {
  return index.entries.flatMap((entry) => {
    const descriptor = descriptorOf(entry);
    if (descriptor === undefined) return [];
    return [{ reference: referenceOf(descriptor), descriptor: withoutReference(descriptor) }];
  });
}

function findIn(index: IndexDocument, reference: string): Descriptor | undefined {
  const entry = index.entries.findLast((candidate) => isTagged(candidate, reference));
  const descriptor = descriptorOf(entry);
  return descriptor === undefined ? undefined : withoutReference(descriptor);
}

function isTagged(entry: unknown, reference: string): boolean {
  const descriptor = descriptorOf(entry);
  return descriptor !== undefined && referenceOf(descriptor) === reference;
}

function lists(index: IndexDocument, descriptor: Descriptor): boolean {
  return index.entries.some((entry) => descriptorOf(entry)?.digest === descriptor.digest);
}

function tagged(index: IndexDocument, reference: string, descriptor: Descriptor): IndexDocument {
  const before = findIn(index, reference);
  if (before !== undefined && sameDescriptor(before, withoutReference(descriptor))) return index;
  const others = withoutTag(index, reference);
  const isUntagged = (entry: unknown): boolean => {
    const listed = descriptorOf(entry);
    return listed?.digest === descriptor.digest && referenceOf(listed) === undefined;
  };
  const entries = others.entries.filter((entry) => !isUntagged(entry));
  return { ...others, entries: [...entries, withReference(descriptor, reference)] };
}

/** Without the tag; what only that tag listed stays listed without one. */
function withoutTag(index: IndexDocument, reference: string): IndexDocument {
  const before = findIn(index, reference);
  const rest = { ...index, entries: index.entries.filter((entry) => !isTagged(entry, reference)) };
  return before === undefined || lists(rest, before) ? rest : withUntagged(rest, before);
}

/** Without the untagged entries of `digests`. */
function withoutUntagged(index: IndexDocument, digests: ReadonlySet<string>): IndexDocument {
  const entries = index.entries.filter((entry) => {
    const listed = descriptorOf(entry);
    return listed === undefined || referenceOf(listed) !== undefined || !digests.has(listed.digest);
  });
  return entries.length === index.entries.length ? index : { ...index, entries };
}

function withUntagged(index: IndexDocument, descriptor: Descriptor): IndexDocument {
  const entries = [...index.entries, withoutReference(descriptor)];
  const untagged = entries.filter((entry) => {
    const listed = descriptorOf(entry);
    return listed !== undefined && referenceOf(listed) === undefined;
  });
  const dropped = new Set(untagged.slice(0, Math.max(0, untagged.length - UNTAGGED_KEPT)));
  return { ...index, entries: entries.filter((entry) => !dropped.has(entry)) };
}

function sameDescriptor(one: Descriptor, other: Descriptor): boolean {
  return canonicalJson(one as unknown as JsonValue) === canonicalJson(other as unknown as JsonValue);
}
