/**
 * What the docker executor keeps in an engine from build to build: root images and cache mounts. They are found by our
 * labels, and what others made of them or use is left alone.
 */
import { executorFailed } from "../kit/failures.js";
import { CACHE } from "./cache-volumes.js";
import { DOCKER, Engine } from "./engine.js";
import { type Environment, engineAddress } from "./engine-address.js";
import { type EngineFacts, engineFacts } from "./engine-facts.js";
import { EngineImages } from "./engine-images.js";
import { EngineLocks } from "./engine-locks.js";
import { Helpers } from "./helper.js";
import { isRootImage, LAYERS, ROLE } from "./labels.js";
import { removeImage, removeVolume } from "./removal.js";
import {
  ContainersSchema,
  HistorySchema,
  ImagesSchema,
  type LabelledImage,
  UsageSchema,
  VolumesSchema,
} from "./schemas.js";
import { sweep } from "./sweep.js";

export interface KeptItem {
  readonly kind: "unpacked" | "cache-mount";
  /** The engine's name for it. */
  readonly id: string;
  /** Of an image: what it has that the images made before it have not. */
  readonly sizeBytes: number;
  /** Milliseconds since 1970: an engine does not say when something was used. */
  readonly createdMs: number;
  /** By a container, or by a build as far as locks tell. */
  readonly isInUse: boolean;
}

export interface KeptChoice {
  readonly kinds: readonly KeptItem["kind"][];
  /** Only what was made so long ago. */
  readonly olderThanMs?: number | undefined;
}

/** The engine that the environment names, or the first that is found. */
export class KeptInEngine implements AsyncDisposable {
  readonly #engine: Engine;
  readonly #facts: EngineFacts;

  private constructor(engine: Engine, facts: EngineFacts) {
    this.#engine = engine;
    this.#facts = facts;
  }

  /** @throws EXECUTOR_FAILED when there is none or it does not answer */
  static async open(env: Environment, signal?: AbortSignal): Promise<KeptInEngine> {
    const address = engineAddress(env);
    if (address === undefined) {
      const hint = "Start one, or say where it is with DOCKER_HOST.";
      throw executorFailed(DOCKER, "there is no docker engine here", hint);
    }
    const engine = new Engine(address);
    try {
      return new KeptInEngine(engine, await engineFacts(engine, signal));
    } catch (error) {
      await engine.close();
      throw error;
    }
  }

  /** The engine's clock; milliseconds since 1970. */
  get #nowMs(): number {
    return Date.parse(this.#facts.now);
  }

  /** The oldest first. */
  async list(choice?: KeptChoice, signal?: AbortSignal): Promise<readonly KeptItem[]> {
    const items = [...(await this.#images(signal)), ...(await this.#caches(signal))];
    return items.filter((item) => this.#isChosen(item, choice)).sort((a, b) => a.createdMs - b.createdMs);
  }

  /** Removes what killed builders left, and of the chosen things those that nobody uses; says what is gone. */
  async prune(
    choice: KeptChoice,
    signal?: AbortSignal,
  ): Promise<{ readonly removed: readonly KeptItem[]; readonly freedBytes: number }> {
    await sweep(this.#engine, this.#facts.isPodman, signal);
    const before = await this.list(undefined, signal);
    const mayGo = (item: KeptItem): boolean => this.#isChosen(item, choice) && !item.isInUse;
    const caches = before.filter((item) => item.kind === "cache-mount" && mayGo(item));
    await this.#removeCaches(caches, signal);
    // Locks have made one more.
    for (const image of await this.#images(signal)) {
      if (mayGo(image)) await removeImage(this.#engine, image.id, signal);
    }
    const after = await this.list(undefined, signal);
    const stays = new Set(after.map(({ id }) => id));
    return { removed: before.filter(({ id }) => !stays.has(id)), freedBytes: Math.max(0, sum(before) - sum(after)) };
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#engine.close();
  }

  #isChosen({ kind, createdMs }: KeptItem, { kinds, olderThanMs = 0 }: Partial<KeptChoice> = {}): boolean {
    return (kinds?.includes(kind) ?? true) && this.#nowMs - createdMs >= olderThanMs;
  }

  async #images(signal: AbortSignal | undefined): Promise<KeptItem[]> {
    const engine = this.#engine;
    const query = { filters: JSON.stringify({ label: [LAYERS] }) };
    const images = await engine.json({ method: "GET", path: "/images/json", query, signal }, ImagesSchema);
    const list = { method: "GET", path: "/containers/json", query: { all: "1" }, signal } as const;
    const used = new Set((await engine.json(list, ContainersSchema)).map(({ ImageID }) => bare(ImageID ?? "")));
    const counted = new Set<string>();
    const items: KeptItem[] = [];
    for (const image of images.filter(isRootImage).sort((a, b) => a.Created - b.Created)) {
      items.push({
        kind: "unpacked",
        id: image.RepoTags![0]!,
        sizeBytes: await this.#sizeOf(image, counted, signal),
        createdMs: image.Created * 1000,
        isInUse: used.has(bare(image.Id)),
      });
    }
    return items;
  }

  /** Of the layers that are not in `counted` by the chain that they end. */
  async #sizeOf({ Id, Labels }: LabelledImage, counted: Set<string>, signal: AbortSignal | undefined): Promise<number> {
    const call = { method: "GET", path: `/images/${Id}/history`, signal } as const;
    const sizes = ((await this.#engine.jsonOr(call, HistorySchema)) ?? []).map(({ Size }) => Size).reverse();
    let chain = "";
    let size = 0;
    for (const [at, layer] of (Labels?.[LAYERS] ?? "").split(",").entries()) {
      chain += `,${layer}`;
      if (!counted.has(chain)) size += sizes[at] ?? 0;
      counted.add(chain);
    }
    return size;
  }

  async #caches(signal: AbortSignal | undefined): Promise<KeptItem[]> {
    const engine = this.#engine;
    const query = { filters: JSON.stringify({ label: [`${ROLE}=cache`] }) };
    const { Volumes } = await engine.json({ method: "GET", path: "/volumes", query, signal }, VolumesSchema);
    if ((Volumes ?? []).length === 0) return [];
    const df = { method: "GET", path: "/system/df", query: { type: "volume" }, signal } as const;
    const usage = (await engine.json(df, UsageSchema)).Volumes ?? [];
    const sizes = new Map(usage.map(({ Name, UsageData }) => [Name, UsageData?.Size ?? 0]));
    const held = await this.#locks().held(signal);
    const items: KeptItem[] = [];
    for (const { Name, CreatedAt = "" } of Volumes ?? []) {
      items.push({
        kind: "cache-mount",
        id: Name,
        sizeBytes: Math.max(0, sizes.get(Name) ?? 0),
        createdMs: Date.parse(CreatedAt) || 0,
        isInUse: held.has(lockOf(Name)),
      });
    }
    return items;
  }

  async #removeCaches(caches: readonly KeptItem[], signal: AbortSignal | undefined): Promise<void> {
    const locks = this.#locks();
    for (const { id } of caches) {
      const lock = await locks.exclusive(lockOf(id), false, signal ?? new AbortController().signal);
      if (lock === undefined) continue;
      try {
        await removeVolume(this.#engine, id, signal);
      } finally {
        await lock.release();
      }
    }
  }

  #locks(): EngineLocks {
    const images = new EngineImages(this.#engine, this.#facts.now);
    return new EngineLocks(new Helpers(this.#engine, images, this.#facts.platform));
  }
}

/** Podman writes some ids without the name of the digest. */
function bare(id: string): string {
  return id.replace(/^sha256:/, "");
}

function lockOf(volume: string): string {
  return volume.slice(CACHE.length);
}

function sum(items: readonly KeptItem[]): number {
  return items.reduce((total, { sizeBytes }) => total + sizeBytes, 0);
}
