/** What is in a registry: its repositories and their tags. @spec distribution-spec#content-discovery */
import { OcibuildError } from "../errors.js";
import { protocolFailure } from "../http/protocol-failure.js";
import type { Abortable } from "../oci/blobs.js";
import { isRepository, isTag, nameOf, type Reference } from "../oci/reference.js";
import type { ApiDocument, RegistryClient } from "./client.js";
import { homeEndpoint, homeLocation } from "./hosts.js";
import { fetchPages } from "./pages.js";
import type { Catalog, TagList } from "./schemas.js";

export interface ListOptions extends Abortable {
  /** How many names a page is asked to have; the registry decides. */
  readonly pageSize?: number;
}

type Repository = Pick<Reference, "registry" | "repository">;

/**
 * The tags of a repository, as they come from the registry itself.
 * @throws REGISTRY_NOT_FOUND when there is no such repository, REGISTRY_…
 */
export async function* listTags(
  client: RegistryClient,
  name: Repository,
  { pageSize, signal }: ListOptions = {},
): AsyncGenerator<string> {
  const { endpoint, repository } = homeLocation(client.hosts, name);
  const pages = fetchPages(client, endpoint, {
    method: "GET",
    target: `/v2/${repository}/tags/list${pageSize === undefined ? "" : `?n=${pageSize}`}`,
    headers: { accept: "application/json" },
    scopes: [{ repository, actions: ["pull"] }],
    expect: [200, 404],
    ...(signal === undefined ? {} : { signal }),
  });
  for await (const page of pages) {
    if (page.status === 404) throw notFound(nameOf(name));
    const { TagListSchema } = await import("./schemas.js");
    const list = TagListSchema.safeParse(jsonOf(page));
    yield* checked(page, list.success ? list.data : undefined, (data: TagList) => data.tags ?? [], isTag);
  }
}

/**
 * The repositories of a registry. Many registries do not tell.
 * @throws REGISTRY_NOT_FOUND when it has no catalogue, REGISTRY_UNAUTHORIZED, REGISTRY_…
 */
export async function* listRepositories(
  client: RegistryClient,
  registry: string,
  { pageSize, signal }: ListOptions = {},
): AsyncGenerator<string> {
  const pages = fetchPages(client, homeEndpoint(client.hosts, registry), {
    method: "GET",
    target: `/v2/_catalog${pageSize === undefined ? "" : `?n=${pageSize}`}`,
    headers: { accept: "application/json" },
    scopes: ["registry:catalog:*"],
    expect: [200, 404],
    ...(signal === undefined ? {} : { signal }),
  });
  for await (const page of pages) {
    if (page.status === 404) throw notFound(registry);
    const { CatalogSchema } = await import("./schemas.js");
    const list = CatalogSchema.safeParse(jsonOf(page));
    yield* checked(
      page,
      list.success ? list.data : undefined,
      (data: Catalog) => data.repositories ?? [],
      isRepository,
    );
  }
}

/** The names of a page, each of which may be shown and become part of a URL. */
function checked<T>(
  page: ApiDocument,
  data: T | undefined,
  namesOf: (data: T) => readonly string[],
  isName: (text: string) => boolean,
): readonly string[] {
  if (data === undefined) throw protocolFailure("GET", page.url, "it is not the list that was asked for");
  const names = namesOf(data);
  const wrong = names.find((name) => !isName(name));
  if (wrong === undefined) return names;
  throw protocolFailure("GET", page.url, `${JSON.stringify(wrong.slice(0, 100))} in its list is not a name`);
}

function jsonOf(page: ApiDocument): unknown {
  try {
    return JSON.parse(page.bytes.toString("utf8"));
  } catch {
    return undefined;
  }
}

function notFound(reference: string): OcibuildError {
  return new OcibuildError("REGISTRY_NOT_FOUND", `the registry has no list of "${reference}"`, {
    details: { reference },
    hint: "Check the name; some registries give no lists.",
  });
}
