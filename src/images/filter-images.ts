/** `--filter` of `images`, as docker means it: values of one key are alternatives, keys must all hold. */
import type { Digest } from "../oci/digest.js";
import { familiarName, parseReference } from "../oci/reference.js";
import type { ImageSummary } from "./list-images.js";

export interface ImageFilter {
  /** Whether images have no name. */
  readonly dangling?: boolean;
  /** `KEY` or `KEY=VALUE`; all must be there. */
  readonly labels?: readonly string[];
  /** Patterns for names, `*` standing for anything but a slash. */
  readonly references?: readonly string[];
  /** Only images that are older than the one of this ID. */
  readonly before?: Digest;
  /** Only images that are newer than the one of this ID. */
  readonly since?: Digest;
  /** Only images from before this second. */
  readonly untilSeconds?: number;
}

/** Those of `images` that `filter` lets through; with patterns only the names that match are left. */
export function filterImages(images: readonly ImageSummary[], filter: ImageFilter): readonly ImageSummary[] {
  const { dangling, labels = [], references = [], before, since, untilSeconds } = filter;
  const timeOf = (id: Digest | undefined): number | undefined =>
    images.find((image) => image.id === id)?.createdSeconds;
  const beforeSeconds = timeOf(before);
  const sinceSeconds = timeOf(since);
  const patterns = references.map(namePattern);
  return images.flatMap((image) => {
    const { createdSeconds = 0 } = image;
    const isDangling = image.tags.length === 0 && image.digests.length === 0;
    const suits =
      (dangling === undefined || dangling === isDangling) &&
      labels.every((label) => hasLabel(image, label)) &&
      (beforeSeconds === undefined || createdSeconds < beforeSeconds) &&
      (sinceSeconds === undefined || createdSeconds > sinceSeconds) &&
      (untilSeconds === undefined || createdSeconds < untilSeconds);
    if (!suits) return [];
    if (patterns.length === 0) return [image];
    const matches = (name: string): boolean => patterns.some((pattern) => pattern.test(name));
    const tags = image.tags.filter((name) => shownNames(name).some(matches));
    // Digests of a name whose tag does not match are no match of their own.
    const digests = image.digests.filter((name) => shownNames(name).some(matches));
    return tags.length === 0 && digests.length === 0 ? [] : [{ ...image, tags, digests }];
  });
}

function hasLabel({ labels }: ImageSummary, text: string): boolean {
  const equals = text.indexOf("=");
  const key = equals === -1 ? text : text.slice(0, equals);
  return Object.hasOwn(labels, key) && (equals === -1 || labels[key] === text.slice(equals + 1));
}

/** A name with and without its tag or digest, in docker's short form. */
function shownNames(name: string): string[] {
  const reference = parseReference(name);
  const { tag: _tag, digest: _digest, ...repository } = reference;
  return [familiarName(reference), familiarName(repository), name];
}

/** Go's path.Match as a regular expression; what is no pattern stands for itself. */
export function namePattern(text: string): RegExp {
  let source = "";
  for (let at = 0; at < text.length; at++) {
    const letter = text[at]!;
    const set = letter === "[" ? /^\[(\^?)([^\]\\]+)\]/.exec(text.slice(at)) : null;
    if (letter === "*") source += "[^/]*";
    else if (letter === "?") source += "[^/]";
    else if (set !== null) {
      source += `[${set[1]}${set[2]!.replace(/[\][^\\]/g, "\\$&")}]`;
      at += set[0].length - 1;
    } else if (letter === "\\" && at + 1 < text.length) source += escaped(text[++at]!);
    else source += escaped(letter);
  }
  try {
    return new RegExp(`^${source}$`);
  } catch {
    return new RegExp(`^${escaped(text)}$`);
  }
}

function escaped(text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");
}
