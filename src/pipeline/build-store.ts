/**
 * The store of a build. Where nothing can be written to it the build goes on without a cache, in a store of its own that goes
 * with it (K4): what it makes must then go elsewhere.
 */
import { accessSync, constants, existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { openStore, type Store, type StoreOptions } from "../cache/store.js";
import { systemCode } from "../cache/store-error.js";
import { isOcibuildError, OcibuildError } from "../errors.js";
import type { PlannedOutput } from "./exporters.js";

export interface BuildStore extends Disposable {
  readonly store: Store;
  /** Folder of the store in use. */
  readonly root: string;
  /** Why it is not the one that was asked for. */
  readonly instead: OcibuildError<"STORE_UNUSABLE"> | undefined;
}

const READ_ONLY: ReadonlySet<string | undefined> = new Set(["EROFS", "EACCES", "EPERM"]);

/** Node says ENOENT where a folder on a read-only file system has to be made. */
function isReadOnly(root: string, error: unknown): boolean {
  const code = systemCode(error);
  if (code !== "ENOENT") return READ_ONLY.has(code);
  let parent = dirname(root);
  while (!existsSync(parent) && parent !== dirname(parent)) parent = dirname(parent);
  try {
    accessSync(parent, constants.W_OK);
    return false;
  } catch {
    return true;
  }
}

/** Opens the store in `root`, or one for this build alone. @throws STORE_UNUSABLE when it is not safe to use, or none can be made */
export async function openBuildStore(root: string, options: StoreOptions): Promise<BuildStore> {
  let instead: OcibuildError<"STORE_UNUSABLE">;
  try {
    const store = await openStore(root, options);
    if (store.writable) return { store, root, instead: undefined, [Symbol.dispose]: () => store.close() };
    instead = readOnly(root);
  } catch (error) {
    if (!isOcibuildError(error, "STORE_UNUSABLE") || !isReadOnly(root, error.cause)) throw error;
    instead = readOnly(root);
  }
  options.onWarning?.(`nothing can be written to the store "${root}": the build goes on without a cache`);
  const own = mkdtempSync(join(tmpdir(), "ocibuild-store-"));
  const store = await openStore(own, { ...options, isTemporary: true });
  return {
    store,
    root: own,
    instead,
    [Symbol.dispose]: () => {
      store.close();
      try {
        rmSync(own, { recursive: true, force: true });
      } catch {
        // Files of other ids that an executor has unpacked; the system clears its temporary folder.
      }
    },
  };
}

/** @throws STORE_UNUSABLE when an image is to be kept in a store that nothing can be written to */
export function assertKept({ instead }: Pick<BuildStore, "instead">, outputs: readonly PlannedOutput[]): void {
  if (instead !== undefined && outputs.some(({ spec }) => spec.type === "image" && !spec.push)) throw instead;
}

function readOnly(root: string): OcibuildError<"STORE_UNUSABLE"> {
  return new OcibuildError("STORE_UNUSABLE", `expected to write to the store "${root}" but it is read-only`, {
    details: { path: root },
    hint: "Make the store writable for this user, choose another one with --root, or write the image elsewhere with --output.",
  });
}
