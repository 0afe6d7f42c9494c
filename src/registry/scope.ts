/** Scopes of bearer tokens: which actions on which repository. @spec distribution token scope documentation */

export type Action = "pull" | "push" | "delete";

/** Actions on one repository, for example `repository:library/busybox:pull`. */
export interface RepositoryScope {
  readonly repository: string;
  readonly actions: readonly string[];
}

/** The right to list a registry's repositories, or actions on one of them. */
export type Scope = RepositoryScope | "registry:catalog:*";

/** One text per repository, actions of equal repositories joined, in a stable order: also the key of a token. */
export function formatScopes(scopes: readonly Scope[]): string[] {
  const texts = scopes.filter((scope) => typeof scope === "string");
  const actions = new Map<string, Set<string>>();
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

/**
 * `scopes`, with what the challenge asks for beyond the usual actions on the same repositories: some registries have
 * actions of their own. Never more of the usual ones, so that no registry makes a pull ask for the right to push.
 */
export function withChallengeScopes(scopes: readonly Scope[], challenge: string | undefined): readonly Scope[] {
  const extra = (challenge ?? "").split(" ").flatMap((text): RepositoryScope[] => {
    const [, repository, list = ""] = /^repository:(.+):([^:]+)$/.exec(text) ?? [];
    const own = scopes.find((scope) => typeof scope === "object" && scope.repository === repository);
    const actions = list.split(",").filter((action) => /^[a-z_]{1,40}$/.test(action) && !USUAL.has(action));
    return repository === undefined || own === undefined || actions.length === 0 ? [] : [{ repository, actions }];
  });
  return [...scopes, ...extra];
}

const USUAL: ReadonlySet<string> = new Set<Action>(["pull", "push", "delete"]);

/** Rights that a push to `repository` needs. */
export function pushScopes(repository: string): RepositoryScope[] {
  return [{ repository, actions: ["pull", "push"] }];
}

/** Rights that deleting in `repository` needs. */
export function deleteScopes(repository: string): RepositoryScope[] {
  return [{ repository, actions: ["delete", "pull"] }];
}
