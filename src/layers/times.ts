/** Which times end up in new layers and in the image config (design, section 5). All in whole seconds since 1970. */
export interface TimePolicy {
  /** Of what a step makes itself: directories on the way, files written in the Dockerfile, history lines. */
  readonly nowSeconds: number;
  /**
   * Of files that are copied: `keep` takes the source's time as BuildKit does; `clamp` (`rewrite-timestamp`) allows none
   * after `epochSeconds`; `set` (`--reproducible`) gives all of them `epochSeconds`, so that a fresh clone and an old
   * checkout make the same layer.
   */
  readonly files: "keep" | "clamp" | "set";
  /** SOURCE_DATE_EPOCH; present unless `files` is `keep`. */
  readonly epochSeconds: number | undefined;
}

/** The time an entry gets. */
export function entryTime(policy: TimePolicy, mtimeSeconds: number): number {
  const { epochSeconds, files } = policy;
  if (epochSeconds === undefined || files === "keep") return mtimeSeconds;
  return files === "set" ? epochSeconds : Math.min(mtimeSeconds, epochSeconds);
}

/** Of the policy, what decides the bytes of a layer: part of every cache key. `nowSeconds` is not, it differs every time. */
export function projectTimes(policy: TimePolicy): { readonly files: string; readonly epochSeconds: number | null } {
  return { files: policy.files, epochSeconds: policy.epochSeconds ?? null };
}

/** RFC 3339 with whole seconds. */
export function isoTime(seconds: number): string {
  return new Date(seconds * 1000).toISOString().replace(".000Z", "Z");
}
