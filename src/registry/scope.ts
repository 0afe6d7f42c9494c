/** Scopes of bearer tokens: which actions on which repository. @spec distribution token scope documentation */

export type Action = "pull" | "push" | "delete";

/** Actions on one repository, for example `repository:library/busybox:pull`. */
export interface Scope {
  readonly repository: string;
  readonly actions: readonly Action[];
}

/** One text per repository, actions of equal repositories joined, in a stable order: also the key of a token. */
export function formatScopes(scopes: readonly Scope[]): string[] {
  const actions = new Map<string, Set<Action>>();
  for (const scope of scopes) {
    const known = actions.get(scope.repository) ?? new Set();
    for (const action of scope.actions) known.add(action);
    actions.set(scope.repository, known);
  }
  return [...actions].map(([repository, set]) => `repository:${repository}:${[...set].sort().join(",")}`).sort();
}

/** Rights that a push to `repository` needs. */
export function pushScopes(repository: string): Scope[] {
  return [{ repository, actions: ["pull", "push"] }];
}
