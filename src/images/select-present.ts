/** What of an image leaves the store: all of it, one platform, or what there is of it. */
import type { Store } from "../cache/store.js";
import { OcibuildError } from "../errors.js";
import type { Abortable } from "../oci/blobs.js";
import { choosePlatform, formatPlatform } from "../oci/platform.js";
import type { Descriptor, Platform } from "../oci/types.js";
import { type Content, isAttestation, readContent } from "./content.js";

export interface SelectOptions extends Abortable {
  /** How errors name the image. */
  readonly name: string;
  readonly platform?: Platform | undefined;
  /** Whether several of more platforms may leave as they are, below an index that names more. */
  readonly mayLack?: boolean;
}

export interface Selected {
  readonly content: Content;
  /** In docker's words, when the image has more platforms than the store. */
  readonly note: string | undefined;
}

/** @throws PLATFORM_NOT_FOUND, IMAGE_NOT_FOUND, DOCUMENT_INVALID */
export async function selectPresent(
  store: Store,
  descriptor: Descriptor,
  { name, platform, mayLack = false, ...options }: SelectOptions,
): Promise<Selected> {
  const content = await readContent(store.blobs, descriptor, { name, tolerant: true, validated: true, ...options });
  if (content.index === undefined) return { content, note: undefined };
  const present = content.manifests.filter((manifest) => !isAttestation(manifest.descriptor));
  if (platform !== undefined) {
    const chosen = choosePlatform(
      present.map((manifest) => manifest.descriptor),
      platform,
      name,
    );
    return { content: alone(content, chosen), note: undefined };
  }
  const missing = content.left;
  if (missing.length === 0) return { content, note: undefined };
  const [only, ...others] = present;
  if (only === undefined) {
    throw new OcibuildError("IMAGE_NOT_FOUND", `image "${name}" is for no platform whole in the store`, {
      details: { reference: name },
      hint: "Pull it again.",
    });
  }
  if (others.length === 0) {
    const note =
      "Not all multiplatform-content is present and only the available single-platform image is taken: " +
      `${formatPlatform(only.descriptor.platform ?? { os: "unknown", architecture: "unknown" })}`;
    return { content: alone(content, only.descriptor), note };
  }
  if (mayLack) return { content, note: undefined };
  const platforms = missing.flatMap((manifest) =>
    manifest.platform === undefined || isAttestation(manifest) ? [] : [manifest.platform],
  );
  throw new OcibuildError("IMAGE_NOT_FOUND", `image "${name}" is not in the store for all its platforms`, {
    details: { reference: name },
    hint: `Pull ${[...new Set(platforms.map(formatPlatform))].join(", ")} as well, or name one with --platform.`,
  });
}

function alone(content: Content, descriptor: Descriptor): Content {
  const manifest = content.manifests.find((candidate) => candidate.descriptor === descriptor)!;
  return { root: manifest, index: undefined, indexes: [], manifests: [manifest], left: [] };
}
