/** A place for the blobs of an archive while they are copied somewhere else. */
import { mkdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { ownedName } from "../util/process-owner.js";
import { BlobDirectory } from "./blob-directory.js";
import { PendingFile } from "./pending-file.js";
import type { Store } from "./store.js";
import { storeError } from "./store-error.js";

export interface TemporaryBlobs extends AsyncDisposable {
  readonly blobs: BlobDirectory;
}

/** An empty place on the store's file system, which goes when it is disposed of. @throws STORE_UNUSABLE */
export function temporaryBlobs(store: Store): TemporaryBlobs {
  const images = join(store.tempDir(), ownedName());
  try {
    mkdirSync(images, { mode: 0o700 });
  } catch (error) {
    throw storeError(error, "create", images);
  }
  const blobs = new BlobDirectory({
    images,
    tmp: images,
    createFile: () => PendingFile.create(images),
    touch: () => {},
    prepareImages: async () => {},
    warn: () => {},
    lost: () => {},
  });
  return {
    blobs,
    [Symbol.asyncDispose]: async () => rmSync(images, { recursive: true, force: true }),
  };
}
