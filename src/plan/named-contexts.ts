/** `--build-context NAME=…`: what stands in for the stages and images of that name. */
import { isOcibuildError, OcibuildError } from "../errors.js";
import { formatPlatform, normalizePlatform, parsePlatform } from "../oci/platform.js";
import { familiarName, parseReference } from "../oci/reference.js";
import type { Platform } from "../oci/types.js";
import { goQuote } from "../util/go-format.js";
import { planProblem, type Where } from "./problem.js";

/** What a named context is; how its files are reached is the caller's affair. */
export type NamedContext =
  /** A folder, an archive, a repository: known to the caller by its name, read when the plan runs. */
  | { readonly kind: "files" }
  /** `docker-image://…`; `scratch` for the empty image. */
  | { readonly kind: "image"; readonly reference: string }
  /** `oci-layout://…`: the resolver gets `reference` as it is, scheme included. */
  | { readonly kind: "layout"; readonly reference: string };

export interface FoundContext {
  /** As the caller wrote it. */
  readonly name: string;
  readonly context: NamedContext;
}

/** The contexts by the name under which Docker looks them up: `name` or `name::platform`. */
export type NamedContextIndex = ReadonlyMap<string, FoundContext>;

/**
 * Reads the names as Docker does (`docker.io/library/app:latest` and `app` are one).
 * @throws OPTIONS_INVALID
 */
export function indexNamedContexts(
  contexts: ReadonlyMap<string, NamedContext>,
  buildPlatform: Platform,
): NamedContextIndex {
  const index = new Map<string, FoundContext>();
  for (const [name, context] of contexts) {
    const mark = name.indexOf("::");
    const plain = mark === -1 ? name : name.slice(0, mark);
    const platform = mark === -1 ? "" : `::${formatPlatform(parsePlatform(name.slice(mark + 2), buildPlatform))}`;
    index.set(readName(plain, () => invalidOption(name)) + platform, { name, context });
  }
  return index;
}

/** The context for `name` on `platform`. `scratch` and `context` cannot be replaced. @throws PLAN_INVALID */
export function findNamedContext(
  index: NamedContextIndex,
  name: string,
  platform: Platform,
  where: Where,
): FoundContext | undefined {
  const lower = name.toLowerCase();
  if (lower === "scratch" || lower === "context") return undefined;
  const key = readName(name, (reason) => planProblem(where, `invalid context name ${name}: ${reason}`));
  return index.get(`${key}::${formatPlatform(normalizePlatform(platform))}`) ?? index.get(key);
}

function readName(name: string, problem: (reason: string) => OcibuildError): string {
  try {
    return familiarName(parseReference(name)).replace(/:latest$/, "");
  } catch (error) {
    if (!isOcibuildError(error, "REFERENCE_INVALID")) throw error;
    throw problem(error.details.reason ?? error.message);
  }
}

function invalidOption(name: string): OcibuildError {
  return new OcibuildError(
    "OPTIONS_INVALID",
    `build context name ${goQuote(name)} is not the name of an image or stage`,
    {
      details: { option: "--build-context" },
      hint: "Expected --build-context NAME=PATH, with a name as FROM or COPY --from would have it.",
    },
  );
}
