/** What every step of one run shares. */
import type { PendingFile } from "../cache/pending-file.js";
import type { Store } from "../cache/store.js";
import type { Compression } from "../compression/compression.js";
import type { OnEvent } from "../events.js";
import type { PlannedStage } from "../plan/build-plan.js";
import type { FileSource } from "../plan/file-source.js";
import type { FileTree } from "../tree/file-tree.js";
import type { SourceText } from "../util/source-text.js";
import type { LayerStore } from "./layer-store.js";
import type { StepLayer } from "./step-result.js";
import type { TimePolicy } from "./times.js";

/** A file that was fetched for ADD. */
export interface FetchedFile {
  /** On local disk; belongs to the run. */
  readonly path: string;
  readonly sizeBytes: number;
  readonly sha256: Buffer;
  /** From Last-Modified. */
  readonly mtimeSeconds: number | undefined;
}

export interface RunContext {
  readonly store: Store;
  readonly layers: LayerStore;
  readonly source: SourceText;
  readonly times: TimePolicy;
  /** How layers of the result are compressed while they are written; `undefined` when no output needs them compressed. */
  readonly compression: Compression | undefined;
  /** The tree of a build context. */
  readonly contextTree: (source: FileSource & { readonly kind: "context" | "named-context" }) => Promise<FileTree>;
  readonly fetchFile: (url: string, checksum: string | undefined, signal: AbortSignal) => Promise<FetchedFile>;
  /** Whether records may answer for steps of this stage. */
  readonly mayReuse: (stage: PlannedStage) => boolean;
  /** Steps under way, by what they do. */
  readonly flights: Map<string, Promise<StepLayer>>;
  readonly onEvent: OnEvent;
  /** A file that is removed when the run ends. */
  readonly createTemporary: () => PendingFile;
  /** Milliseconds, for events. */
  readonly nowMs: () => number;
  readonly signal: AbortSignal;
}
