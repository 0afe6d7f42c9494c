/** What is asked of a docker or podman engine. */
import { EngineStore } from "../executor/docker/engine-store.js";
import type { Abortable } from "../oci/blobs.js";

export interface DaemonAccess {
  /** The archive of an image, as `docker save` writes it. @throws EXECUTOR_FAILED */
  save(name: string, options: Abortable): AsyncIterable<Buffer>;
  /** Gives the engine an archive of images. @throws EXECUTOR_FAILED */
  load(archive: AsyncIterable<Buffer>, options: Abortable): Promise<void>;
}

/** The engine that the docker client would take by this environment; found when it is first needed. */
export function daemonAccess(env: Readonly<Record<string, string | undefined>>): DaemonAccess {
  return {
    async *save(name, options) {
      await using engine = new EngineStore(env);
      yield* engine.save(name, options);
    },
    async load(archive, options) {
      await using engine = new EngineStore(env);
      await engine.load(archive, options);
    },
  };
}
