/** Cache keys: what decides the result of a step, as data, and the digest of it (K9). */
import { createHash } from "node:crypto";
import { digestOf, hexOf } from "../oci/digest.js";
import { canonicalJson, type JsonValue } from "../util/canonical-json.js";

declare const brand: unique symbol;
/** 64 lower-case hex digits: identifies a step with all its inputs. */
export type CacheKey = string & { readonly [brand]: "CacheKey" };
/** 64 lower-case hex digits: identifies a step without its inputs (what the Dockerfile says, not what the files hold). */
export type ShapeKey = string & { readonly [brand]: "ShapeKey" };

/** Of a step: what the Dockerfile and the options say. */
export interface StepShape {
  /** Kind of step: `copy`, `run`, … */
  readonly kind: string;
  /** `os/arch[/variant]` of the result, empty when the result does not depend on it. */
  readonly platform: string;
  /** Everything in the step that matters for its result, and nothing else. */
  readonly projection: JsonValue;
}

/** Everything that decides the result of a step. */
export interface StepKeyParts extends StepShape {
  /** ChainID of what the step starts from; `null` for an empty file system. */
  readonly parent: string | null;
  /** Content digests of what the step reads, in its order. For many files: one digest over the list of them. */
  readonly inputs: readonly string[];
}

/** Part of every key: a change of what keys mean gives new keys. */
const KEY_VERSION = "1";

/** The key of a step: sha256 over an injective encoding, so that different parts never share a key. @throws DOCUMENT_INVALID */
export function stepKey(parts: StepKeyParts): CacheKey {
  return keyOf("step", [...shapeFields(parts), canonicalJson(parts.parent), ...parts.inputs]) as CacheKey;
}

/** The shape key of a step. @throws DOCUMENT_INVALID */
export function shapeKey(shape: StepShape): ShapeKey {
  return keyOf("shape", shapeFields(shape)) as ShapeKey;
}

function shapeFields(shape: StepShape): string[] {
  return [shape.kind, shape.platform, canonicalJson(shape.projection)];
}

/** Each field goes in with its length before it: no two lists of fields give the same bytes. */
function keyOf(what: string, fields: readonly string[]): string {
  const hash = createHash("sha256");
  for (const field of [`ocibuild ${what} key`, KEY_VERSION, ...fields]) {
    hash.update(`${Buffer.byteLength(field)}:`);
    hash.update(field);
  }
  return hash.digest("hex");
}

/** Whether `text` can be a key (and so is safe as a file name). */
export function isKey(text: string): boolean {
  return /^[0-9a-f]{64}$/.test(text);
}

/** Name of the stat cache of one build context: the digest of its absolute path. */
export function contextId(absolutePath: string): string {
  return hexOf(digestOf(absolutePath));
}
