/** The images of an engine: archives in and out, and names. */
import type { Abortable } from "../../oci/blobs.js";
import { executorFailed } from "../kit/failures.js";
import { DOCKER, Engine } from "./engine.js";
import { type Environment, engineAddress } from "./engine-address.js";
import { ImageDetailsSchema, ImagesSchema } from "./schemas.js";

/** Of images that an engine has, so many are looked into for layers that need not be sent. */
const IMAGES_ASKED = 100;

export interface EngineImage {
  /** The digest of the config; of the manifest where containerd keeps images. */
  readonly id: string;
  /** Base layer first. */
  readonly diffIds: readonly string[];
}

export class EngineStore implements AsyncDisposable {
  readonly #engine: Engine;

  /** The engine that the docker client would take. @throws EXECUTOR_FAILED when there is none */
  constructor(env: Environment) {
    const address = engineAddress(env);
    if (address === undefined) {
      throw executorFailed(DOCKER, "there is no docker engine here", "Start one, or say where it is with DOCKER_HOST.");
    }
    this.#engine = new Engine(address);
  }

  /** What `docker save` writes. @throws EXECUTOR_FAILED; the signal's reason */
  save(name: string, { signal }: Abortable): AsyncIterable<Buffer> {
    return this.#engine.stream({ method: "GET", path: "/images/get", query: { names: name }, signal });
  }

  /** Gives the engine an archive. @throws EXECUTOR_FAILED when it does not take it, what `archive` throws */
  async load(archive: AsyncIterable<Uint8Array>, { signal }: Abortable): Promise<void> {
    const query = { quiet: "1" };
    const { text } = await this.#engine.done({ method: "POST", path: "/images/load", query, tar: archive, signal });
    // A failure in the middle is told in an answer that began well.
    const problem = /"error"\s*:\s*"((?:[^"\\]|\\.)*)"/.exec(text)?.[1];
    if (problem !== undefined) throw executorFailed(DOCKER, `the engine did not take the image: ${problem}`);
  }

  /** `undefined` when there is none of that name or ID. */
  async find(name: string, { signal }: Abortable): Promise<EngineImage | undefined> {
    const path = `/images/${name}/json`;
    const found = await this.#engine.jsonOr({ method: "GET", path, signal }, ImageDetailsSchema);
    return found === undefined ? undefined : { id: found.Id, diffIds: found.RootFS?.Layers ?? [] };
  }

  /** Gives an image one more name. */
  async tag(id: string, repository: string, tag: string, { signal }: Abortable): Promise<void> {
    await this.#engine.done({ method: "POST", path: `/images/${id}/tag`, query: { repo: repository, tag }, signal });
  }

  /** Layers that images of the engine begin with, each list base layer first. */
  async chains({ signal }: Abortable): Promise<readonly (readonly string[])[]> {
    const images = await this.#engine.json({ method: "GET", path: "/images/json", signal }, ImagesSchema);
    const chains: (readonly string[])[] = [];
    for (const { Id } of images.slice(0, IMAGES_ASKED)) {
      chains.push((await this.find(Id, { ...(signal === undefined ? {} : { signal }) }))?.diffIds ?? []);
    }
    return chains;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#engine.close();
  }
}
