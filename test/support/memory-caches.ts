/** Cache mounts of a fake executor: held in memory, with what the contract says of `caches`. */
import type { CacheMount, ExecutorCaches } from "../../src/executor/contract.js";
import { type LayerMember, readChanges, tarOf } from "../../src/testing/executor/lab.js";

export interface MemoryCaches extends ExecutorCaches {
  /** What commands write: text by name. */
  write(mount: CacheMount, files: Readonly<Record<string, string>>): void;
  /** What they see. */
  files(mount: CacheMount): Promise<Readonly<Record<string, string>>>;
  /** Ids of the mounts that something was asked for, in order. */
  readonly asked: readonly string[];
}

export function memoryCaches(): MemoryCaches {
  const tars = new Map<string, Buffer>();
  const asked: string[] = [];
  const keyOf = ({ id, seed, path }: CacheMount): string => JSON.stringify([id, seed.chainId, path]);
  return {
    asked,
    write(mount, files) {
      const members = Object.entries(files).map(([path, content]): LayerMember => ({ path, content }));
      tars.set(keyOf(mount), tarOf([{ path: "", type: "dir" }, ...members]));
    },
    async files(mount) {
      const entries = await readChanges(inPieces(tars.get(keyOf(mount)) ?? Buffer.alloc(1024)));
      return Object.fromEntries(
        [...entries].flatMap(([path, { type, content }]) => (type === "file" ? [[path, content.toString()]] : [])),
      );
    },
    async read(mount, { limitBytes }) {
      const tar = tars.get(keyOf(mount));
      if (tar === undefined) return { state: "none" };
      if (tar.length > limitBytes) return { state: "too-large", sizeBytes: tar.length };
      return { state: "there", tar: inPieces(tar) };
    },
    async fill(mount, open) {
      if (tars.has(keyOf(mount))) return false;
      asked.push(mount.id);
      const tar = await open();
      if (tar === undefined) return false;
      const chunks: Buffer[] = [];
      for await (const chunk of tar) chunks.push(Buffer.from(chunk));
      tars.set(keyOf(mount), Buffer.concat(chunks));
      return true;
    },
  };
}

async function* inPieces(tar: Buffer): AsyncGenerator<Buffer> {
  for (let at = 0; at < tar.length; at += 700) yield tar.subarray(at, at + 700);
}
