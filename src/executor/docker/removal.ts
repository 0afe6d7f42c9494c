/** How containers, volumes and images leave an engine. What is gone already, or goes by another's hand, is no error. */
import type { Engine } from "./engine.js";

/** Where a container is killed. Podman's form of Docker's API waits until its monitor is reaped, seconds on some machines. */
export function killPath(id: string, isPodman: boolean): string {
  return `${isPodman ? "/v4.0.0/libpod" : ""}/containers/${id}/kill?signal=KILL`;
}

/** Ends what runs of it, without waiting for anything that was asked for. */
export async function killContainer(
  engine: Engine,
  id: string,
  isPodman: boolean,
  signal?: AbortSignal,
): Promise<void> {
  // 409: it has ended already, or has never been started.
  await engine.done({ method: "POST", path: killPath(id, isPodman), signal }, [404, 409, 500]);
}

/** Ends it if it runs. */
export async function removeContainer(engine: Engine, id: string, signal?: AbortSignal): Promise<void> {
  // 409: another one is removing it.
  const query = { force: "1", v: "1", t: "0" };
  await engine.done({ method: "DELETE", path: `/containers/${id}`, query, signal }, [404, 409]);
}

export async function removeVolume(engine: Engine, name: string, signal?: AbortSignal): Promise<void> {
  await engine.done({ method: "DELETE", path: `/volumes/${name}`, query: { force: "1" }, signal }, [404, 409]);
}

/** Stays where a container uses it: with force, engines remove what others made of it, and Podman their containers. */
export async function removeImage(engine: Engine, name: string, signal?: AbortSignal): Promise<void> {
  await engine.done({ method: "DELETE", path: `/images/${name}`, signal }, [404, 409]);
}
