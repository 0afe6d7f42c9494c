/**
 * Blobs go to registries while later steps still run: base layers at once, the others when they are sealed. Manifests and
 * tags come with the output, when everything is there (threat R10). What fails here is tried again there, and told then.
 */
import { setMaxListeners } from "node:events";
import { type Compression, compressionSpec } from "../compression/compression.js";
import type { BlobReader } from "../oci/blobs.js";
import type { Digest } from "../oci/digest.js";
import type { ImagePusher } from "../oci/pusher.js";
import type { Reference } from "../oci/reference.js";
import type { Descriptor, Layer } from "../oci/types.js";
import { mountHint } from "../output/mount-hint.js";
import type { BuildPlan } from "../plan/build-plan.js";
import type { PlannedOutput } from "./exporters.js";

export interface PushAheadOptions {
  readonly outputs: readonly PlannedOutput[];
  /** Of the layers that are sealed during the run. */
  readonly compression: Compression | undefined;
  readonly blobs: () => BlobReader;
  /** Repositories that hold a blob already. */
  readonly origins: ReadonlyMap<Digest, readonly Reference[]>;
  readonly signal: AbortSignal;
}

interface Place {
  readonly target: Reference;
  readonly pusher: () => Promise<ImagePusher>;
  /** Whether the output wants sealed layers as they are. */
  readonly takesSealed: boolean;
}

/** Uploads at a time: the steps may want the line, too. */
const PARALLEL = 2;

export class PushAhead implements AsyncDisposable {
  readonly #options: PushAheadOptions;
  readonly #places: readonly Place[];
  readonly #abort = new AbortController();
  readonly #signal: AbortSignal;
  readonly #waiting: (() => Promise<unknown>)[] = [];
  readonly #workers = new Set<Promise<void>>();
  #isOver = false;

  constructor(options: PushAheadOptions) {
    this.#options = options;
    this.#signal = AbortSignal.any([options.signal, this.#abort.signal]);
    // Every request listens for the end.
    setMaxListeners(0, this.#signal);
    const spec = options.compression && compressionSpec(options.compression);
    this.#places = options.outputs.flatMap(({ pusher, names, form }) => {
      const [target] = names;
      if (pusher === undefined || target === undefined || target.registry === "" || form.forceCompression) return [];
      return [{ target, pusher, takesSealed: spec === compressionSpec(form.compression) }];
    });
  }

  /** Begins with the layers of the images that the plan's targets are built on. */
  pushBases(plan: BuildPlan): void {
    for (const layer of baseLayers(plan)) this.#push(layer.descriptor, this.#places);
  }

  /** Goes on with a layer that is in the store. */
  readonly pushSealed = (blob: Descriptor): void => {
    this.#push(
      blob,
      this.#places.filter(({ takesSealed }) => takesSealed),
    );
  };

  /** Ends what is under way and waits for it. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#isOver = true;
    this.#waiting.length = 0;
    this.#abort.abort();
    await Promise.all(this.#workers);
  }

  #push(blob: Descriptor, places: readonly Place[]): void {
    for (const { target, pusher } of this.#isOver ? [] : places) {
      this.#waiting.push(async () => {
        const mountFrom = mountHint(target, this.#options.origins.get(blob.digest));
        const hint = mountFrom === undefined ? {} : { mountFrom };
        const options = { signal: this.#signal, ...hint };
        await (await pusher()).pushBlob(target, blob, this.#options.blobs(), options);
      });
      if (this.#workers.size < PARALLEL) this.#start();
    }
  }

  #start(): void {
    const worker = this.#work().finally(() => this.#workers.delete(worker));
    this.#workers.add(worker);
  }

  async #work(): Promise<void> {
    for (let next = this.#waiting.shift(); next !== undefined; next = this.#waiting.shift()) {
      try {
        this.#signal.throwIfAborted();
        await next();
      } catch {
        // A registry that does not take one blob is left alone until it is the output's turn.
        this.#isOver = true;
        this.#waiting.length = 0;
      }
    }
  }
}

/** Layers of the images that the targets are built on, each once. */
function baseLayers(plan: BuildPlan): readonly Layer[] {
  const byId = new Map(plan.stages.map((stage) => [stage.id, stage]));
  const layers = new Map<Digest, Layer>();
  for (const target of plan.targets) {
    let base = byId.get(target.stage)?.base;
    while (base?.kind === "stage") base = byId.get(base.stage)?.base;
    if (base?.kind !== "image") continue;
    for (const layer of base.image.layers) layers.set(layer.descriptor.digest, layer);
  }
  return [...layers.values()];
}
