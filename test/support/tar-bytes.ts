/** A tar in memory, for tests that need an archive. */
import type { TarEntry } from "../../src/tar/entry.js";
import { tarOf } from "../../src/testing/executor/lab.js";

/** Fields of an entry that a test cares about; `content` makes it a file. */
export interface TarMember extends Partial<Omit<TarEntry, "path" | "linkname" | "size">> {
  readonly path: string;
  readonly linkname?: string;
  readonly content?: string | Buffer;
}

/** The archive with `members` in their order. */
export function tarBytes(members: readonly TarMember[]): Buffer {
  return tarOf(members.map((member) => ({ mode: 0o644, mtimeSeconds: 0, ...member })));
}
