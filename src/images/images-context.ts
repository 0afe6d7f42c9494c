/** What the operations on images work with. */
import type { Store } from "../cache/store.js";
import type { OnEvent } from "../events.js";
import type { RegistryAccess } from "../pipeline/registry-access.js";

export interface ImagesContext {
  /** Folder of the store. */
  readonly root: string;
  readonly store: Store;
  readonly registries: RegistryAccess;
  /** Environment of this process: where programs are looked for. Nothing that is started sees it unless said so. */
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly onEvent: OnEvent;
  /** Milliseconds since 1970 when the work began. */
  readonly startedMs: number;
  /** Milliseconds since then. */
  readonly nowMs: () => number;
  readonly signal: AbortSignal;
}
