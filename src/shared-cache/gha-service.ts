/** The cache service of GitHub Actions as both versions of its protocol offer it: entries that are written once. */
import type { Abortable } from "../oci/blobs.js";

/** An entry that can be read. */
export interface FoundEntry {
  readonly name: string;
  /** Of its content; a credential, which holds for some minutes. */
  readonly url: URL;
}

/** A piece of an entry's content. All but the last have the same size. */
export interface Block {
  /** From 0. */
  readonly number: number;
  /** In the content. */
  readonly offset: number;
  readonly bytes: Buffer;
}

/** An entry whose name is taken, and whose content is still to come. */
export interface EntryUpload {
  /** In any order, several at a time. */
  writeBlock(block: Block, options: Abortable): Promise<void>;
  /** All blocks are there. Others can read the entry from now on, or a few seconds later. */
  finish(options: Abortable): Promise<void>;
}

export interface GhaService {
  /**
   * The entry of that name; else the newest whose name begins with it, of the first branch that has any.
   * @throws REGISTRY_…
   */
  find(name: string, options: Abortable): Promise<FoundEntry | undefined>;
  /** Takes a name; `undefined` when somebody has it, whether the content is there or not. @throws REGISTRY_… */
  reserve(name: string, sizeBytes: number, options: Abortable): Promise<EntryUpload | undefined>;
}
