/** How what we make in an engine is marked, so that it is found and removed, and nothing else is. */
import { createHash, randomBytes } from "node:crypto";
import { hostname } from "node:os";
import { ownedName, ownerState } from "../../util/process-owner.js";
import type { LabelledImage } from "./schemas.js";

/** On everything: what it is. */
export const ROLE = "ocibuild.role";
/** On what lives as long as a run or a build: the process that made it. */
export const OWNER = "ocibuild.owner";
/** Beside an owner: its machine, as processes are not told apart everywhere by more than a number. */
const MACHINE = "ocibuild.machine";
/** Beside an owner: a name for all that one process has in an engine. */
export const SESSION = "ocibuild.session";
/** Of root images: their names and no others begin with it. */
export const REPOSITORY = "localhost/ocibuild/root";
/** On images: their layers as the engine has them, in hexadecimal. */
export const LAYERS = "ocibuild.layers";

/** `image` and `cache` are kept from build to build. */
export type Role = "run" | "helper" | "lock" | "files" | "memory" | "committed" | "image" | "cache";

export function keptLabels(role: Role): Record<string, string> {
  return { [ROLE]: role };
}

/** On caches, which somebody may remove and another one make again: which of them it is. */
export const MADE = "ocibuild.made";

export type Labels = Readonly<Record<string, string>> | null | undefined;

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

/** Whether it is a root image of ours: others may have made one from it, which has its labels, or given it a name. */
export function isRootImage({ Labels, RepoTags }: LabelledImage): boolean {
  const names = RepoTags ?? [];
  return Labels?.[ROLE] === "image" && names.length > 0 && names.every((name) => name.startsWith(`${REPOSITORY}:`));
}
