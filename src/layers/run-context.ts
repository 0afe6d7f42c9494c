/** What every step of one run shares. */
import type { PendingFile } from "../cache/pending-file.js";
import type { Store } from "../cache/store.js";
import type { Compression } from "../compression/compression.js";
import type { OnEvent } from "../events.js";
import type { Abortable } from "../oci/blobs.js";
import type { DiffId } from "../oci/digest.js";
import type { Descriptor } from "../oci/types.js";
import type { PlannedStage } from "../plan/build-plan.js";
import type { FileSource, StageId } from "../plan/file-source.js";
import type { GitSource } from "../plan/steps/copy.js";
import type { SharedCaches } from "../shared-cache/shared-caches.js";
import type { FileTree } from "../tree/file-tree.js";
import type { SourceText } from "../util/source-text.js";
import type { BuildTrail } from "./explain/build-trail.js";
import type { LayerStore } from "./layer-store.js";
import type { Lineage } from "./lineage.js";
import type { RunExecution } from "./run/run-execution.js";
import type { KeyedLayer } from "./step-result.js";
import type { TimePolicy } from "./times.js";

/** A file that was fetched for ADD. */
export interface FetchedFile {
  /** On local disk, until the run ends. */
  readonly path: string;
  readonly sizeBytes: number;
  readonly sha256: Buffer;
  /** From Last-Modified; 0 without it, as BuildKit has it. */
  readonly mtimeSeconds: number;
}

/** Files that ADD names by URL. */
export interface RemoteFiles {
  /** A text that is another when the file, its time or its name are others; nothing is fetched that a server says is unchanged. */
  digest(url: string, checksum: string | undefined, options: Abortable): Promise<string>;
  file(url: string, checksum: string | undefined, options: Abortable): Promise<FetchedFile>;
}

/** Repositories that ADD names. */
export interface GitFiles {
  /** A text that is another when the files are others, for cache keys. */
  digest(source: GitSource, options: Abortable): Promise<string>;
  tree(source: GitSource, options: Abortable): Promise<FileTree>;
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
  readonly remoteFiles: RemoteFiles;
  readonly git: GitFiles;
  readonly execution: RunExecution;
  /** Whether records may answer for steps of this stage. */
  readonly mayReuse: (stage: PlannedStage) => boolean;
  /** Identifies what is built from where. */
  readonly project: string;
  /** Steps under way, by what they do. */
  readonly flights: Map<string, Promise<KeyedLayer>>;
  /** Caches beside the store; `undefined` when the build names none, neither to read nor to write. */
  readonly shared: SharedCaches | undefined;
  /** Of the stages that are done. */
  readonly lineages: Map<StageId, Lineage>;
  /** What this build and earlier ones of the project did. */
  readonly trail: BuildTrail;
  /** Whether it is told why steps are not in the cache, and whether that is then the end of the build. */
  readonly explains: "nothing" | "misses" | "and-fails";
  readonly onEvent: OnEvent;
  /** Told of each layer that was sealed in the compression of the result, once its blob is in the store. */
  readonly onSealed?: (blob: Descriptor) => void;
  /** Takes layers whose tars are in the store, to compress them when there is time. */
  readonly compressLater?: (diffId: DiffId) => void;
  /** A file that is removed when the run ends. */
  readonly createTemporary: () => PendingFile;
  /** Milliseconds, for events. */
  readonly nowMs: () => number;
  readonly signal: AbortSignal;
}
