/**
 * `index.json` of our own OCI layout, read without a schema library because every build reads it. Other tools may write
 * to it too: entries that this version does not understand are kept when the document is written again. @spec image-layout.md#indexjson-file
 */
import { OcibuildError } from "../errors.js";
import { isDigest } from "../oci/digest.js";
import { CONTAINERD_NAME, REF_NAME } from "../oci/layout.js";
import type { Descriptor, Platform } from "../oci/types.js";

/** Entries are as they were read, in their order; `descriptorOf` tells which can be used. */
export interface IndexDocument {
  /** All members of the document but `manifests`. */
  readonly members: Readonly<Record<string, unknown>>;
  readonly entries: readonly unknown[];
}

export const EMPTY_INDEX: IndexDocument = {
  members: { schemaVersion: 2, mediaType: "application/vnd.oci.image.index.v1+json" },
  entries: [],
};

/** Parses an `index.json`; `name` is how errors call it. @throws DOCUMENT_INVALID */
export function parseIndexDocument(bytes: Buffer, name: string): IndexDocument {
  let value: unknown;
  try {
    value = JSON.parse(bytes.toString("utf8"));
  } catch (cause) {
    throw invalid(name, "JSON", "something else", cause);
  }
  if (!isRecord(value)) throw invalid(name, "an object", Array.isArray(value) ? "an array" : typeof value);
  const { manifests, ...members } = value;
  if (members.schemaVersion !== 2) throw invalid(name, "schemaVersion 2", JSON.stringify(members.schemaVersion));
  if (!Array.isArray(manifests)) throw invalid(name, 'a "manifests" array', typeof manifests);
  // A document that is an index and a manifest at once means different things to different readers (D3).
  if ("layers" in members || "config" in members) throw invalid(name, "an image index", "an image manifest too");
  return { members, entries: manifests };
}

/** The document's bytes, without spaces. */
export function formatIndexDocument(index: IndexDocument): Buffer {
  return Buffer.from(JSON.stringify({ ...index.members, manifests: index.entries }), "utf8");
}

/** The entry as a descriptor, or `undefined` when it is none that can be used (unknown digest algorithm, bad size, …). */
export function descriptorOf(entry: unknown): Descriptor | undefined {
  if (!isRecord(entry)) return undefined;
  const { mediaType, digest, size, annotations, platform } = entry;
  if (typeof mediaType !== "string" || typeof digest !== "string" || !isDigest(digest)) return undefined;
  if (typeof size !== "number" || !Number.isSafeInteger(size) || size < 0) return undefined;
  if (annotations !== undefined && !isStringRecord(annotations)) return undefined;
  if (platform !== undefined && !isPlatform(platform)) return undefined;
  return entry as unknown as Descriptor;
}

/** The reference that an entry is tagged with, if it is. */
export function referenceOf(descriptor: Descriptor): string | undefined {
  return annotation(descriptor, CONTAINERD_NAME) ?? annotation(descriptor, REF_NAME);
}

/** `descriptor` tagged with `reference`: the full one in both annotations, because tags alone are not unique here. */
export function withReference(descriptor: Descriptor, reference: string): Descriptor {
  const annotations = {
    ...withoutReference(descriptor).annotations,
    [REF_NAME]: reference,
    [CONTAINERD_NAME]: reference,
  };
  return { ...descriptor, annotations };
}

/** `descriptor` without its tag; without `annotations` at all when there is no other. */
export function withoutReference(descriptor: Descriptor): Descriptor {
  const { annotations, ...plain } = descriptor;
  if (annotations === undefined) return descriptor;
  const { [REF_NAME]: _name, [CONTAINERD_NAME]: _reference, ...others } = annotations;
  return Object.keys(others).length === 0 ? plain : { ...plain, annotations: others };
}

function annotation(descriptor: Descriptor, name: string): string | undefined {
  const annotations = descriptor.annotations;
  return annotations !== undefined && Object.hasOwn(annotations, name) ? annotations[name] : undefined;
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function isStringRecord(value: unknown): value is Record<string, string> {
  return isRecord(value) && Object.values(value).every((member) => typeof member === "string");
}

function isPlatform(value: unknown): value is Platform {
  if (!isRecord(value) || typeof value.os !== "string" || typeof value.architecture !== "string") return false;
  return value.variant === undefined || typeof value.variant === "string";
}

function invalid(name: string, expected: string, got: string, cause?: unknown): OcibuildError<"DOCUMENT_INVALID"> {
  return new OcibuildError("DOCUMENT_INVALID", `"${name}" expected ${expected} but got ${got}`, {
    details: { document: name },
    ...(cause === undefined ? {} : { cause }),
  });
}
