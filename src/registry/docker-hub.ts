/** Docker Hub's names: in references, of its API, and in files with credentials. */

/** The registry of references that name none. */
export const DOCKER_REGISTRY = "docker.io";
/** Where its API is. */
export const DOCKER_API_HOST = "registry-1.docker.io";
/** Under this key docker stores its credentials, for historical reasons. */
export const DOCKER_HUB_KEY = "https://index.docker.io/v1/";

const NAMES: ReadonlySet<string> = new Set([DOCKER_REGISTRY, "index.docker.io", DOCKER_API_HOST]);

export function isDockerHub(registry: string): boolean {
  return NAMES.has(registry.toLowerCase());
}
