/** What differs in what a step starts from: the base of its stage, or the first step before it that made another layer. */
import type { JournalBase } from "../../cache/build-journals.js";
import type { MissCause } from "../../events.js";
import type { Counterpart, StageTrail } from "./build-trail.js";
import { shownChange } from "./shown-text.js";

/** One cause: the first thing that differs. */
export function compareParents(
  trail: StageTrail,
  index: number,
  { stage, pairs, index: at }: Counterpart,
): MissCause[] {
  if (trail.base.chain !== stage.base.chain) return [otherBase(stage.base, trail.base)];
  let before = 0;
  for (let step = 0; step < index; step++) {
    const { title, diffId } = trail.done[step]!;
    const counterpart = pairs[step]!;
    if (counterpart === -1) return [earlier(title, `new step before it: ${title}`)];
    if (counterpart > before) return [missing(stage.steps[before]!.title)];
    if (stage.steps[counterpart]!.diffId !== diffId) {
      return [earlier(title, `earlier step made another layer: ${title}`)];
    }
    before = counterpart + 1;
  }
  if (at > before) return [missing(stage.steps[before]!.title)];
  return [{ kind: "earlier-step", text: "the layers below it are others" }];
}

function earlier(subject: string, text: string): MissCause {
  return { kind: "earlier-step", subject, text };
}

function missing(title: string): MissCause {
  return earlier(title, `earlier step is gone: ${title}`);
}

function otherBase(before: JournalBase, now: JournalBase): MissCause {
  if (before.kind !== now.kind || before.name !== now.name) {
    const text = `base: ${shownChange(before.name, now.name)}`;
    return { kind: "base", subject: now.name, before: before.name, after: now.name, text };
  }
  if (now.kind === "image" && before.digest !== null && now.digest !== null && before.digest !== now.digest) {
    const text = `base image ${now.name}: ${shortDigest(before.digest)} → ${shortDigest(now.digest)}`;
    return { kind: "base", subject: now.name, before: before.digest, after: now.digest, text };
  }
  const what = now.kind === "named-context" ? "context" : now.kind;
  return { kind: "base", subject: now.name, text: `base ${what} ${JSON.stringify(now.name)} has other files` };
}

/** Enough of a digest to tell it from others. */
function shortDigest(digest: string): string {
  return digest.slice(0, "sha256:".length + 12);
}
