/**
 * The folders of runs, with what is the same in all of them: made while the command before is running, as file systems take
 * their time for so many new files.
 */
import type { ScratchFolders } from "../kit/scratch-folders.js";

export class RunFolders {
  readonly #scratch: ScratchFolders;
  readonly #furnish: (folder: string) => void;
  #next: string | undefined;

  /** `furnish` fills an empty folder. */
  constructor(scratch: ScratchFolders, furnish: (folder: string) => void) {
    this.#scratch = scratch;
    this.#furnish = furnish;
  }

  /** A folder for one run, which goes as those of `ScratchFolders` do. */
  async take(): Promise<string> {
    const next = this.#next;
    this.#next = undefined;
    return next ?? this.#make();
  }

  /** Makes the folder for the next run, if there is time for it now. */
  async makeNext(): Promise<void> {
    // Who needs it learns what is wrong.
    if (this.#next === undefined) this.#next = await this.#make().catch(() => undefined);
  }

  async #make(): Promise<string> {
    const folder = this.#scratch.make();
    try {
      this.#furnish(folder);
      return folder;
    } catch (error) {
      await this.#scratch.remove(folder);
      throw error;
    }
  }
}
