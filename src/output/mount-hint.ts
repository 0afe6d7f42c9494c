/** Where in a registry a blob may be already. */
import type { Reference } from "../oci/reference.js";

/** Another repository of the same registry among those that hold a blob. */
export function mountHint(target: Reference, origins: readonly Reference[] = []): string | undefined {
  const usable = ({ registry, repository }: Reference): boolean =>
    registry === target.registry && repository !== target.repository;
  return origins.find(usable)?.repository;
}
