/** Removes from an engine what builders left that were killed, and root images that nobody has wanted for long. */
import type { Engine } from "./engine.js";
import { isOwnerDead, isRootImage, OWNER, ROLE } from "./labels.js";
import { killContainer, removeContainer, removeImage, removeVolume } from "./removal.js";
import { ContainersSchema, ImagesSchema, VolumesSchema } from "./schemas.js";

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
  const kept = images.filter(isRootImage).sort((a, b) => b.Created - a.Created);
  for (const { RepoTags } of kept.slice(MAX_IMAGES))
    for (const name of RepoTags ?? []) await removeImage(engine, name, signal);
  for (const { Id, Labels, RepoTags } of images) {
    // Who keeps an image of a container of ours gives it a name.
    const isNamed = (RepoTags ?? []).some((name) => !name.startsWith("<none>"));
    if (Labels?.[ROLE] === "committed" && !isNamed && isOwnerDead(Labels)) await removeImage(engine, Id, signal);
  }
}
