/** Where the builder's client gets secrets from: its environment, or files in memory. Never from a disk. */
import { existsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { executorUnsupported } from "../kit/failures.js";
import { ROOT_IDS } from "../kit/id-space.js";
import { ScratchFolders } from "../kit/scratch-folders.js";
import { BUILDKIT } from "./run-instruction.js";

export interface SecretSources {
  readonly env: Readonly<Record<string, string>>;
  /** Fields of `--secret`, without the id. */
  readonly fields: ReadonlyMap<string, string>;
  close(): Promise<void>;
}

const MEMORY = "/dev/shm";
const MAX_VARIABLE_BYTES = 64 * 1024;

/** Folders in memory, where the system has any; what dead processes left is removed. */
export async function openMemory(): Promise<ScratchFolders | undefined> {
  if (process.platform !== "linux" || !existsSync(MEMORY)) return undefined;
  const folders = new ScratchFolders(join(MEMORY, `ocibuild-${process.getuid?.() ?? 0}`), ROOT_IDS);
  await folders.sweep();
  return folders;
}

/** @throws EXECUTOR_UNSUPPORTED for a secret that no variable can hold where no folder is in memory */
export function secretSources(secrets: ReadonlyMap<string, Buffer>, memory: ScratchFolders | undefined): SecretSources {
  const env: Record<string, string> = {};
  const fields = new Map<string, string>();
  let folder: string | undefined;
  for (const [id, bytes] of secrets) {
    const text = bytes.toString("utf8");
    if (!bytes.includes(0) && bytes.length <= MAX_VARIABLE_BYTES && Buffer.from(text).equals(bytes)) {
      const name = `OCIBUILD_${id.toUpperCase()}`;
      env[name] = text;
      fields.set(id, `env=${name}`);
      continue;
    }
    if (memory === undefined) {
      throw executorUnsupported(BUILDKIT, "secret", "a secret that is no text cannot be handed to the builder here");
    }
    folder ??= memory.make();
    const path = join(folder, id);
    writeFileSync(path, bytes, { mode: 0o600 });
    fields.set(id, `src=${path}`);
  }
  return {
    env,
    fields,
    close: async () => {
      if (folder !== undefined) await memory!.remove(folder);
    },
  };
}
