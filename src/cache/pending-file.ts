/**
 * A file that is being written and does not exist yet for anybody else: temp → write → fsync → close → rename → fsync
 * of the folder (threat K1). What a killed process leaves behind is removed by `removeLeftovers` at a later start.
 */
import {
  closeSync,
  fdatasync,
  fsyncSync,
  lstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
  unlinkSync,
  writeSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { promisify } from "node:util";
import { ownedName, ownerState } from "../util/process-owner.js";
import { storeError, systemCode } from "./store-error.js";

const dataSync = promisify(fdatasync);

/** Age after which a leftover goes whose owner cannot be asked for (another machine or container). */
const FOREIGN_LEFTOVER_MS = 24 * 3600 * 1000;

export interface PendingFileOptions {
  /** Permission bits of the finished file; 0600 unless told otherwise. */
  readonly mode?: number;
  /** Asked before bytes are written; what it throws ends the writing. */
  readonly beforeWrite?: ((bytes: number) => void) | undefined;
}

export class PendingFile implements AsyncDisposable {
  /** Where the bytes are until `commit`; may be read before that. */
  readonly path: string;
  #fd: number | undefined;
  #sizeBytes = 0;
  #renamed = false;
  readonly #beforeWrite: PendingFileOptions["beforeWrite"];

  private constructor(path: string, fd: number, beforeWrite: PendingFileOptions["beforeWrite"]) {
    this.path = path;
    this.#fd = fd;
    this.#beforeWrite = beforeWrite;
  }

  /**
   * Opens a new file in the folder `dir`, which is made (0700) when it is missing and must be on the file system that
   * `commit` renames to.
   * @throws STORE_UNUSABLE
   */
  static create(dir: string, options: PendingFileOptions = {}): PendingFile {
    const path = join(dir, ownedName());
    try {
      return new PendingFile(
        path,
        inFolder(path, () => openSync(path, "wx", options.mode ?? 0o600)),
        options.beforeWrite,
      );
    } catch (error) {
      throw storeError(error, "create a file in", dir);
    }
  }

  /** Bytes written so far. */
  get sizeBytes(): number {
    return this.#sizeBytes;
  }

  /**
   * Appends `chunk`, all of it, before it returns. Best called with large chunks: each is one system call.
   * @throws STORE_UNUSABLE; the file can then only be discarded
   */
  write(chunk: Uint8Array): void {
    const fd = this.#open();
    try {
      this.#beforeWrite?.(chunk.length);
      let done = 0;
      while (done < chunk.length) done += writeSync(fd, chunk, done, chunk.length - done);
    } catch (error) {
      this.discard();
      throw storeError(error, "write", this.path);
    }
    this.#sizeBytes += chunk.length;
  }

  /**
   * Gives the file its name, durably: once this resolves, it survives a power loss. Replaces what is at `path`.
   * Missing folders are made (0700).
   * @throws STORE_UNUSABLE; nothing is left behind then
   */
  async commit(path: string): Promise<void> {
    await this.sync();
    this.commitUnsynced(path);
    syncFolder(dirname(path));
  }

  /** Waits until the bytes written so far are on the disk. A failure is final: the file is discarded. @throws STORE_UNUSABLE */
  async sync(): Promise<void> {
    const fd = this.#open();
    try {
      await dataSync(fd);
    } catch (error) {
      this.discard();
      throw storeError(error, "write", this.path);
    }
  }

  /** Ends the writing. The bytes stay at `path` until `discard`; a process can have many such files. */
  seal(): void {
    const fd = this.#open();
    this.#fd = undefined;
    try {
      closeSync(fd);
    } catch (error) {
      throw storeError(error, "write", this.path);
    }
  }

  /**
   * Gives the file its name at once, without waiting for the disk: safe against a killed process; after a power loss
   * the file may be missing, empty or torn, so only for what is checked when it is read.
   * @throws STORE_UNUSABLE; nothing is left behind then
   */
  commitUnsynced(path: string): void {
    const fd = this.#open();
    try {
      this.#fd = undefined;
      closeSync(fd);
      inFolder(path, () => renameSync(this.path, path));
      this.#renamed = true;
    } catch (error) {
      this.discard();
      throw storeError(error, "write", path);
    }
  }

  /** Removes the file unless it was committed. Never fails; may be called at any time, also twice. */
  discard(): void {
    const fd = this.#fd;
    this.#fd = undefined;
    ignoreErrors(() => fd !== undefined && closeSync(fd));
    if (!this.#renamed) ignoreErrors(() => unlinkSync(this.path));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.discard();
  }

  #open(): number {
    if (this.#fd !== undefined) return this.#fd;
    throw storeError(new Error("the file is closed"), "write", this.path);
  }
}

/** Runs `action`, which makes `path`; when a folder on the way is missing, makes it (0700) and runs `action` again. */
export function inFolder<T>(path: string, action: () => T): T {
  try {
    return action();
  } catch (error) {
    if (systemCode(error) !== "ENOENT") throw error;
    mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
    return action();
  }
}

/** Makes the names in the folder `dir` durable. Windows has no such call, and needs none. @throws STORE_UNUSABLE */
export function syncFolder(dir: string): void {
  if (process.platform === "win32") return;
  try {
    const fd = openSync(dir, "r");
    try {
      fsyncSync(fd);
    } finally {
      closeSync(fd);
    }
  } catch (error) {
    throw storeError(error, "write", dir);
  }
}

/** Removes from the folder `dir` what processes left there that no longer run. Never fails. */
export function removeLeftovers(dir: string): void {
  const names = namesIn(dir);
  let now: number | undefined;
  for (const name of names) {
    const path = join(dir, name);
    const state = ownerState(name);
    if (state === "alive") continue;
    ignoreErrors(() => {
      if (state === "unknown") {
        now ??= fileSystemNow(dir);
        if (now - lstatSync(path).mtimeMs < FOREIGN_LEFTOVER_MS) return;
      }
      rmSync(path, { recursive: true, force: true });
    });
  }
}

/** Now by the clock of the file system that holds `dir`, in ms: comparable with mtimes whatever the system clock says (K8). */
export function fileSystemNow(dir: string): number {
  const probe = PendingFile.create(dir);
  try {
    return statSync(probe.path).mtimeMs;
  } finally {
    probe.discard();
  }
}

function namesIn(dir: string): readonly string[] {
  try {
    return readdirSync(dir);
  } catch {
    return [];
  }
}

function ignoreErrors(action: () => unknown): void {
  try {
    action();
  } catch {
    // Cleaning up is best effort: what stays is removed by the next start.
  }
}
