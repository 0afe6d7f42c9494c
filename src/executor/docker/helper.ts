/** Containers that are made and never started: through them files go into volumes and out of an engine. */
import type { Platform } from "../../oci/types.js";
import { bytesOf } from "../../util/bytes.js";
import { END, entryOf, header, memoryLayer } from "../kit/tar-parts.js";
import type { Engine } from "./engine.js";
import type { EngineImages } from "./engine-images.js";
import { ownedLabels, type Role } from "./labels.js";
import { removeContainer } from "./removal.js";
import { CreatedSchema } from "./schemas.js";

export interface HelperOptions {
  /** What is there at `HELPER_MOUNT`: a volume, or a path of the engine's machine. */
  readonly mount?: { readonly type: "volume" | "bind"; readonly source: string; readonly readOnly: boolean };
  /** The helpers' own unless given. */
  readonly image?: string;
  /** Unique while it is there. */
  readonly name?: string;
  readonly role?: Role;
  readonly labels?: Readonly<Record<string, string>>;
  readonly signal: AbortSignal | undefined;
}

export const HELPER_MOUNT = "/m";
const NEVER_STARTED = "/never-started";

export class Helpers {
  readonly engine: Engine;
  readonly #images: EngineImages;
  readonly #platform: Platform;
  readonly #leaving = new Set<Promise<void>>();
  #lastAlone: Promise<void> = Promise.resolve();

  constructor(engine: Engine, images: EngineImages, platform: Platform) {
    this.engine = engine;
    this.#images = images;
    this.#platform = platform;
  }

  /** Id of a new container; `undefined` when there is one of that name. @throws EXECUTOR_FAILED */
  async make(options: HelperOptions): Promise<string | undefined> {
    const { mount, name, role = "helper", labels, signal } = options;
    const image = options.image ?? (await this.image(signal));
    const mounts = mount && [
      { Type: mount.type, Source: mount.source, Target: HELPER_MOUNT, ReadOnly: mount.readOnly },
    ];
    const json = {
      Image: image,
      Entrypoint: [NEVER_STARTED],
      Labels: { ...ownedLabels(role), ...labels },
      HostConfig: { NetworkMode: "none", LogConfig: { Type: "none" }, Mounts: mounts ?? [] },
    };
    const call = { method: "POST", path: "/containers/create", query: { name }, json, signal } as const;
    if (name === undefined) return (await this.engine.json(call, CreatedSchema)).Id;
    try {
      return (await this.engine.jsonOr(call, CreatedSchema, [409]))?.Id;
    } catch (error) {
      // Podman has no status of its own for it.
      if (/is already in use/.test((error as Error).message)) return undefined;
      throw error;
    }
  }

  /** Uses a container for as long as `use` takes. */
  async with<T>(options: HelperOptions, use: (id: string) => Promise<T>): Promise<T> {
    const id = (await this.make(options))!;
    try {
      return await use(id);
    } finally {
      await this.remove(id);
    }
  }

  remove(id: string): Promise<void> {
    return removeContainer(this.engine, id);
  }

  /** Removes a container that nothing runs in while others work; what fails is left to the next start. */
  removeSoon(id: string): void {
    const leaving = this.remove(id)
      .catch(() => {})
      .finally(() => this.#leaving.delete(leaving));
    this.#leaving.add(leaving);
  }

  /** Waits until they are gone. */
  async settled(): Promise<void> {
    await Promise.all(this.#leaving);
  }

  /** Does `work` when nobody else does what has to be done alone: images of one layer are made and removed one at a time. */
  alone<T>(work: () => Promise<T>): Promise<T> {
    const result = this.#lastAlone.then(work);
    this.#lastAlone = result.then(
      () => {},
      () => {},
    );
    return result;
  }

  /** The image of helpers: an empty folder and an empty program. */
  image(signal: AbortSignal | undefined): Promise<string> {
    const folder = entryOf({ path: bytesOf(HELPER_MOUNT.slice(1)), type: "dir" });
    // What is set up but not started is looked for.
    const program = entryOf({ path: bytesOf(NEVER_STARTED.slice(1)), mode: 0o755 });
    const tar = Buffer.concat([header(folder), header(program), END]);
    return this.#images.ensure([memoryLayer(tar)], this.#platform, signal ?? new AbortController().signal);
  }
}
