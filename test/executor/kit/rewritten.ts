/** A tar through a rewrite, as entries. */
import { rewriteTar, type TarRewrite } from "../../../src/executor/kit/tar-rewriter.js";
import type { TarEntry } from "../../../src/tar/entry.js";
import { readTar } from "../../../src/tar/reader.js";
import { type TarMember, tarBytes } from "../../support/tar-bytes.js";

export interface Rewritten extends TarEntry {
  readonly content: string;
}

/** What comes out for `members`, which go in `chunkBytes` at a time. */
export async function rewritten(
  members: readonly TarMember[],
  rewrite: TarRewrite,
  chunkBytes = 700,
): Promise<Rewritten[]> {
  const found: Rewritten[] = [];
  let entry: TarEntry | undefined;
  let content = "";
  await readTar(rewriteTar(chunksOf(tarBytes(members), chunkBytes), rewrite), {
    entry: (next) => {
      entry = next;
      content = "";
    },
    data: (chunk) => {
      content += chunk.toString("latin1");
    },
    end: () => void found.push({ ...entry!, content }),
  });
  return found;
}

async function* chunksOf(bytes: Buffer, size: number): AsyncGenerator<Buffer> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}
