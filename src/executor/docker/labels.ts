/** How what we make in an engine is marked, so that what a killed builder left is found and removed by the next. */
import { createHash, randomBytes } from "node:crypto";
import { hostname } from "node:os";
import { ownedName, ownerState } from "../../util/process-owner.js";
import type { Engine } from "./engine.js";
import { ContainersSchema, ImagesSchema, VolumesSchema } from "./schemas.js";

/** On everything: what it is. */
export const ROLE = "ocibuild.role";
/** On what lives as long as a run or a build: the process that made it. */
export const OWNER = "ocibuild.owner";
/** Beside an owner: its machine, as processes are not told apart everywhere by more than a number. */
const MACHINE = "ocibuild.machine";
/** Beside an owner: a name for all that one process has in an engine. */
export const SESSION = "ocibuild.session";
/** On images: their layers as the engine has them, in hexadecimal. */
export const LAYERS = "ocibuild.layers";

/** `image` and `cache` are kept from build to build. */
export type Role = "run" | "helper" | "lock" | "files" | "memory" | "committed" | "image" | "cache";

export function keptLabels(role: Role): Record<string, string> {
  return { [ROLE]: role };
}

type Labels = Readonly<Record<string, string>> | null | undefined;

const thisMachine = createHash("sha256").update(hostname()).digest("hex").slice(0, 16);
export const thisSession: string = randomBytes(16).toString("hex");

/** Labels that die with this process. */
export function ownedLabels(role: Role): Record<string, string> {
  return { [ROLE]: role, [OWNER]: ownedName(), [MACHINE]: thisMachine, [SESSION]: thisSession };
}

/** Whether the process that owns what has these labels was one of this machine, and has ended. */
export function isOwnerDead(labels: Labels): boolean {
  return labels?.[MACHINE] === thisMachine && ownerState(labels[OWNER] ?? "") === "dead";
}

const FILTER = JSON.stringify({ label: [OWNER] });
/** Root images that are kept; older ones are made again when they are needed. */
const MAX_IMAGES = 24;

/** Removes what processes of this machine that have ended left, and root images beyond the newest. Never fails for one. */
export async function sweep(engine: Engine, isPodman: boolean, signal: AbortSignal | undefined): Promise<void> {
  const containers = await engine.json(
    { method: "GET", path: "/containers/json", query: { all: "1", filters: FILTER }, signal },
    ContainersSchema,
  );
  for (const { Id, Labels } of containers) {
    if (!isOwnerDead(Labels)) continue;
    if (Labels?.[ROLE] === "run") await killContainer(engine, Id, isPodman, signal);
    await removeContainer(engine, Id, signal);
  }
  const { Volumes } = await engine.json(
    { method: "GET", path: "/volumes", query: { filters: FILTER }, signal },
    VolumesSchema,
  );
  for (const { Name, Labels } of Volumes ?? []) if (isOwnerDead(Labels)) await removeVolume(engine, Name, signal);
  const filters = JSON.stringify({ label: [ROLE] });
  const images = await engine.json({ method: "GET", path: "/images/json", query: { filters }, signal }, ImagesSchema);
  const kept = images.filter(({ Labels }) => Labels?.[ROLE] === "image").sort((a, b) => b.Created - a.Created);
  for (const { Id } of kept.slice(MAX_IMAGES)) await removeImage(engine, Id, signal);
  for (const { Id, Labels } of images) if (isOwnerDead(Labels)) await removeImage(engine, Id, signal);
}

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
  // 409: it has ended already, which is what is usual.
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

/** Stays where a container uses it. */
export async function removeImage(engine: Engine, id: string, signal?: AbortSignal): Promise<void> {
  await engine.done({ method: "DELETE", path: `/images/${id}`, query: { force: "1" }, signal }, [404, 409]);
}
