/** Folders that live as long as a run: named after their owner, so that what a killed builder left is swept by the next. */
import { mkdirSync, readdirSync, renameSync, rmSync } from "node:fs";
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { ownedName, ownerState } from "../../util/process-owner.js";
import { runChild } from "./child.js";
import type { IdSpace } from "./id-space.js";
import { systemProgram } from "./programs.js";

export class ScratchFolders {
  readonly #dir: string;
  readonly #space: IdSpace;
  readonly #live = new Set<string>();
  readonly #left = new Set<string>();
  #removing: Promise<unknown> = Promise.resolve();

  constructor(stateDir: string, space: IdSpace) {
    this.#dir = join(stateDir, "tmp");
    this.#space = space;
  }

  /** A new empty folder, for this process alone. */
  make(): string {
    mkdirSync(this.#dir, { recursive: true, mode: 0o700 });
    const folder = join(this.#dir, ownedName());
    mkdirSync(folder, { mode: 0o700 });
    this.#live.add(folder);
    return folder;
  }

  /** Removes a folder that `make` gave; without error when it is gone. */
  async remove(folder: string): Promise<void> {
    if (!this.#live.delete(folder)) return;
    await this.#delete(folder);
  }

  /** A folder that `make` gave is not needed any more: it goes with `removeLeft`, or when all are closed. */
  leave(folder: string): void {
    this.#left.add(folder);
  }

  removeLeft(): void {
    for (const folder of this.#left) {
      this.#left.delete(folder);
      this.#removing = Promise.all([this.#removing, this.remove(folder)]).catch(() => undefined);
    }
  }

  /** Takes a folder of the same file system out of the way, and removes it by and by. */
  discard(folder: string): void {
    mkdirSync(this.#dir, { recursive: true, mode: 0o700 });
    const away = join(this.#dir, ownedName());
    try {
      renameSync(folder, away);
    } catch {
      return;
    }
    this.#live.delete(folder);
    this.#removing = Promise.all([this.#removing, rm(away, { recursive: true, force: true })]).catch(() =>
      this.#delete(away),
    );
  }

  /** Removes what processes that have ended left. */
  async sweep(): Promise<void> {
    let names: string[];
    try {
      names = readdirSync(this.#dir);
    } catch {
      return;
    }
    for (const name of names) if (ownerState(name) === "dead") await this.#delete(join(this.#dir, name));
  }

  async close(): Promise<void> {
    await this.#removing;
    for (const folder of [...this.#live]) await this.remove(folder);
  }

  async #delete(folder: string): Promise<void> {
    try {
      rmSync(folder, { recursive: true, force: true });
    } catch {
      // Files of other ids, or folders without rights: whoever is root inside can.
      const rm = systemProgram("rm") ?? "/bin/rm";
      await runChild(this.#space.command([rm, "-rf", "--", folder]));
    }
  }
}
