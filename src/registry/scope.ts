/** Scopes of bearer tokens: which actions on which repository. @spec distribution token scope documentation */

export type Action = "pull" | "push" | "delete";

/** Actions on one repository, for example `repository:library/busybox:pull`. */
export interface RepositoryScope {
  readonly repository: string;
  readonly actions: readonly Action[];
}

/** The right to list a registry's repositories, or actions on one of them. */
export type Scope = RepositoryScope | "registry:catalog:*";

/** One text per repository, actions of equal repositories joined, in a stable order: also the key of a token. */
export function formatScopes(scopes: readonly Scope[]): string[] {
  const texts = scopes.filter((scope) => typeof scope === "string");
  const actions = new Map<string, Set<Action>>();
  for (const scope of scopes) {
    if (typeof scope === "string") continue;
    const known = actions.get(scope.repository) ?? new Set();
    for (const action of scope.actions) known.add(action);
    actions.set(scope.repository, known);
  }
  const repositories = [...actions].map(([name, set]) => `repository:${name}:${[...set].sort().join(",")}`);
  return [...new Set([...texts, ...repositories])].sort();
}

/** The repository that a request is about: that of its first scope. */
export function repositoryOf(scopes: readonly Scope[]): string | undefined {
  const [first] = scopes;
  return typeof first === "object" ? first.repository : undefined;
}

/** Rights that a push to `repository` needs. */
export function pushScopes(repository: string): RepositoryScope[] {
  return [{ repository, actions: ["pull", "push"] }];
}

/** Rights that deleting in `repository` needs. */
export function deleteScopes(repository: string): RepositoryScope[] {
  return [{ repository, actions: ["delete", "pull"] }];
}
