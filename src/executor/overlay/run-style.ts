/** How an executor differs from the others that run over an overlay: what it mounts, and what it starts. */
import type { ByteString } from "../../util/bytes.js";
import type { RunSpec } from "../contract.js";
import type { IdSpace } from "../kit/id-space.js";
import type { DeviceNodes } from "./device-nodes.js";
import type { Fstab } from "./fstab.js";
import type { OverlayStack } from "./overlay-stack.js";
import type { RunMounts } from "./run-mounts.js";

/** One run and where it happens. */
export interface RunPlace {
  readonly spec: RunSpec;
  /** The root file system. */
  readonly stack: OverlayStack;
  /** Of this run alone; goes with it. */
  readonly folder: string;
  readonly space: IdSpace;
  readonly devices: DeviceNodes;
}

/** Where the command reads from: nothing, or descriptor `INPUT_FD`, which is a terminal or not. */
export type RunInput = "none" | "stdin" | "terminal";

/** Descriptor of the command's input while its script runs: standard input is the script. */
export const INPUT_FD = 5;

/** The redirection of the command's standard input, as a shell has it. */
export function inputRedirection(input: RunInput): string {
  return input === "none" ? "</dev/null" : `<&${INPUT_FD} ${INPUT_FD}<&-`;
}

export interface RunStyle<Table extends Fstab> {
  /** Makes what every run has in its folder. */
  furnish(folder: string, space: IdSpace): void;
  /** An empty table for the mounts of a run. */
  table(place: RunPlace): Table;
  /** Adds what every command finds mounted. */
  addSystem(table: Table, place: RunPlace): void;
  /**
   * What the first process of the new namespaces reads as its script. `table.text()` is in the folder's `fstab` by then.
   * @throws EXECUTOR_UNSUPPORTED
   */
  script(table: Table, mounts: RunMounts, place: RunPlace & { readonly input: RunInput }): ByteString;
}
