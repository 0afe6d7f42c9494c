/** One spelling for each JSON value, so that equal data has equal bytes and different data has different bytes. */
import { OcibuildError } from "../errors.js";

export type JsonValue = null | boolean | number | string | readonly JsonValue[] | JsonObject;
/** Members that are `undefined` count as absent. */
export interface JsonObject {
  readonly [name: string]: JsonValue | undefined;
}

/** Deepest nesting that `canonicalJson` writes. */
const MAX_DEPTH = 200;

/**
 * `value` as JSON without spaces, object members sorted by UTF-16 code units. Two values have the same text exactly
 * when they are equal as JSON: members that are `undefined` are left out, and -0 is 0.
 * @throws DOCUMENT_INVALID for numbers that JSON cannot carry, `undefined` in an array, and nesting over 200 levels
 */
export function canonicalJson(value: JsonValue): string {
  return write(value, 0);
}

function write(value: JsonValue | undefined, depth: number): string {
  if (depth > MAX_DEPTH) throw invalid(`nested over ${MAX_DEPTH} levels deep`);
  switch (typeof value) {
    case "string":
    case "boolean":
      return JSON.stringify(value);
    case "number":
      if (!Number.isFinite(value)) throw invalid(`the number ${value}`);
      return JSON.stringify(value);
    case "object":
      if (value === null) return "null";
      return isArray(value) ? writeArray(value, depth) : writeObject(value, depth);
    default:
      throw invalid(`a value of type ${typeof value}`);
  }
}

function writeArray(items: readonly JsonValue[], depth: number): string {
  let text = "[";
  for (let at = 0; at < items.length; at++) text += (at === 0 ? "" : ",") + write(items[at], depth + 1);
  return `${text}]`;
}

function writeObject(members: JsonObject, depth: number): string {
  let text = "{";
  for (const name of Object.keys(members).sort()) {
    const member = members[name];
    if (member === undefined) continue;
    text += `${text === "{" ? "" : ","}${JSON.stringify(name)}:${write(member, depth + 1)}`;
  }
  return `${text}}`;
}

/** `Array.isArray` that narrows read-only arrays too. */
function isArray(value: readonly JsonValue[] | JsonObject): value is readonly JsonValue[] {
  return Array.isArray(value);
}

function invalid(what: string): OcibuildError<"DOCUMENT_INVALID"> {
  return new OcibuildError("DOCUMENT_INVALID", `"canonical JSON" expected plain JSON data but got ${what}`, {
    details: { document: "canonical JSON" },
  });
}
