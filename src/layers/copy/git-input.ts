/** A git repository as source of ADD: the key holds the commit, the files are fetched only when a layer is made. */
import type { Abortable } from "../../oci/blobs.js";
import type { CopyStep, GitSource } from "../../plan/steps/copy.js";
import type { RunContext } from "../run-context.js";
import type { CopyInput, CopyPart } from "./copy-input.js";
import { selectSource } from "./select.js";

export class GitInput implements CopyInput {
  readonly #run: RunContext;
  readonly #step: CopyStep;
  readonly #source: GitSource;

  constructor(run: RunContext, step: CopyStep, source: GitSource) {
    this.#run = run;
    this.#step = step;
    this.#source = source;
  }

  digest(options: Abortable): Promise<string> {
    return this.#run.git.digest(this.#source, options);
  }

  async files(): Promise<undefined> {
    return undefined;
  }

  async parts(): Promise<readonly CopyPart[]> {
    const tree = await this.#run.git.tree(this.#source, this.#run);
    const selections = selectSource(tree, "/", {
      exclude: this.#step.exclude,
      parents: false,
      isContext: false,
      onSkipped: (message) => this.#run.onEvent({ type: "warning", message }),
    });
    return selections.map((selection) => ({ kind: "files", selection }));
  }
}
