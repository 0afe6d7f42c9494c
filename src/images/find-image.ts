/** What a user writes for an image of the store: a name, a digest, or the beginning of an ID. */
import type { Store } from "../cache/store.js";
import { isOcibuildError, OcibuildError } from "../errors.js";
import type { Abortable } from "../oci/blobs.js";
import { hexOf } from "../oci/digest.js";
import { formatPlatform } from "../oci/platform.js";
import { familiarName, formatReference, nameOf, parseReference, type Reference } from "../oci/reference.js";
import type { Descriptor, Image, Platform } from "../oci/types.js";
import { type ImageEntry, listStored, readStored, type StoredImage } from "./stored-images.js";

/** An image that was asked for. */
export interface FoundImage {
  readonly stored: StoredImage;
  /** What the word means: the entry of that name, or one of the image's where an ID was given. */
  readonly entry: ImageEntry;
  /** The name in full form, where the word was one. */
  readonly reference: string | undefined;
}

const ID = /^(?:sha256:)?([0-9a-f]{1,64})$/;

/** @throws IMAGE_NOT_FOUND, REFERENCE_INVALID */
export async function findImage(store: Store, word: string, options: Abortable = {}): Promise<FoundImage> {
  const images = await listStored(store, options);
  const found = findAmong(images, word);
  if (found !== undefined) return found;
  throw noSuchImage(word);
}

/** The image and its documents, for `platform` if one is given. @throws IMAGE_NOT_FOUND, PLATFORM_NOT_FOUND */
export async function findReadable(
  store: Store,
  word: string,
  options: Abortable & { readonly platform?: Platform | undefined } = {},
): Promise<FoundImage & { readonly image: Image }> {
  const { platform, ...abortable } = options;
  const found = await findImage(store, word, abortable);
  if (platform !== undefined) {
    const image = await readStored(store, found.entry.descriptor, { ...abortable, platform });
    if (image !== undefined) return { ...found, image };
    const shown = formatPlatform(platform);
    throw new OcibuildError("PLATFORM_NOT_FOUND", `image "${word}" is not in the store for platform "${shown}"`, {
      details: { reference: word, platform: shown, available: [] },
      hint: `Get it with "ocibuild pull --platform ${shown} ${word}".`,
    });
  }
  const { image } = found.stored;
  if (image !== undefined) return { ...found, image };
  throw new OcibuildError("IMAGE_NOT_FOUND", `image "${word}" is not whole in the store`, {
    details: { reference: word },
    hint: "Pull or build it again.",
  });
}

/** @throws IMAGE_NOT_FOUND when an ID is the beginning of several */
export function findAmong(images: readonly StoredImage[], word: string): FoundImage | undefined {
  return findByName(images, word) ?? findById(images, word);
}

function findByName(images: readonly StoredImage[], word: string): FoundImage | undefined {
  const name = readName(word);
  if (name === undefined) return undefined;
  const wanted = formatReference(name);
  for (const stored of images) {
    const entry = stored.entries.find(({ reference }) => reference === wanted);
    if (entry !== undefined) return { stored, entry, reference: wanted };
  }
  if (name.digest === undefined) return undefined;
  for (const stored of images) {
    const entry = stored.entries.find(
      ({ reference, descriptor }) =>
        descriptor.digest === name.digest &&
        reference !== undefined &&
        nameOf(parseReference(reference)) === nameOf(name),
    );
    if (entry !== undefined) return { stored, entry, reference: entry.reference };
  }
  return undefined;
}

function findById(images: readonly StoredImage[], word: string): FoundImage | undefined {
  const hex = ID.exec(word)?.[1];
  if (hex === undefined) return undefined;
  const matches = images.flatMap((stored) => {
    const isOf = ({ digest }: Pick<Descriptor, "digest">): boolean => hexOf(digest).startsWith(hex);
    const entry = stored.entries.find(({ descriptor }) => isOf(descriptor));
    const isMatch = isOf({ digest: stored.id }) || entry !== undefined;
    return isMatch ? [{ stored, entry: entry ?? stored.entries[0]!, reference: undefined }] : [];
  });
  if (matches.length > 1) {
    throw new OcibuildError("IMAGE_NOT_FOUND", `"${word}" is the beginning of ${matches.length} IDs`, {
      details: { reference: word },
      hint: 'Write more of it; "ocibuild images --no-trunc" shows IDs in full.',
    });
  }
  return matches[0];
}

/** `undefined` for what is an ID and cannot be a name. */
function readName(word: string): Reference | undefined {
  try {
    return parseReference(word);
  } catch (error) {
    if (isOcibuildError(error, "REFERENCE_INVALID") && ID.test(word)) return undefined;
    throw error;
  }
}

/** Docker's words. */
export function noSuchImage(word: string): OcibuildError<"IMAGE_NOT_FOUND"> {
  const name = readName(word);
  const shown = name === undefined ? word : familiarName(name);
  return new OcibuildError("IMAGE_NOT_FOUND", `No such image: ${shown}`, {
    details: { reference: shown },
    hint: '"ocibuild images" lists what there is; "ocibuild pull" gets more.',
  });
}
