/**
 * A JSON decoder for documents that others wrote: one meaning only, bounded, and without surprises for the reader.
 *
 * Refused, because readers differ about them: duplicate keys, a byte order mark, invalid UTF-8, lone surrogates, numbers
 * that a double cannot hold. Objects have no prototype, so that a key `__proto__` is a key. @spec RFC 8259
 */
import { OcibuildError } from "../errors.js";

export type JsonValue = null | boolean | number | string | readonly JsonValue[] | JsonObject;
export interface JsonObject {
  readonly [key: string]: JsonValue;
}

export interface StrictJsonOptions {
  /** How errors name the text, for example `manifest sha256:…` or `config.json`. */
  readonly document: string;
  readonly maxBytes?: number;
  /** Nested arrays and objects. */
  readonly maxDepth?: number;
}

/** Manifests, indexes and configs: 4 MiB, as registries have it. */
export const MAX_DOCUMENT_BYTES: number = 4 * 1024 * 1024;
const MAX_DEPTH = 64;

/**
 * The value that `bytes` hold. Objects have a null prototype and keep the order of their keys.
 * @throws DOCUMENT_INVALID
 */
export function decodeStrictJson(bytes: Uint8Array, options: StrictJsonOptions): JsonValue {
  const { document, maxBytes = MAX_DOCUMENT_BYTES, maxDepth = MAX_DEPTH } = options;
  if (bytes.length > maxBytes) {
    throw invalid(document, `expected at most ${maxBytes} bytes but got ${bytes.length}`);
  }
  let text: string;
  try {
    text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    throw invalid(document, "expected UTF-8 but got other bytes");
  }
  if (text.charCodeAt(0) === 0xfeff) throw invalid(document, "expected JSON but got a byte order mark");
  return new Decoder(text, document, maxDepth).decode();
}

/** True for objects, false for arrays and null. */
export function isJsonObject(value: JsonValue | undefined): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function invalid(document: string, reason: string): OcibuildError {
  return new OcibuildError("DOCUMENT_INVALID", `${document} is not valid JSON: ${reason}`, { details: { document } });
}

const NUMBER = /-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?/y;
const PLAIN_STRING = /[^"\\\x00-\x1f]*/y;
const LONE_SURROGATE = /[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/;
const ESCAPES: ReadonlyMap<string, string> = new Map([
  ['"', '"'],
  ["\\", "\\"],
  ["/", "/"],
  ["b", "\b"],
  ["f", "\f"],
  ["n", "\n"],
  ["r", "\r"],
  ["t", "\t"],
]);

class Decoder {
  readonly #text: string;
  readonly #document: string;
  readonly #maxDepth: number;
  /** Keys and indexes down to where the decoder is, for errors; its length is the depth. */
  readonly #path: (string | number)[] = [];
  #at = 0;

  constructor(text: string, document: string, maxDepth: number) {
    this.#text = text;
    this.#document = document;
    this.#maxDepth = maxDepth;
  }

  decode(): JsonValue {
    const value = this.#value();
    this.#skipSpace();
    if (this.#at < this.#text.length) throw this.#error("expected the end");
    return value;
  }

  #value(): JsonValue {
    this.#skipSpace();
    const char = this.#text[this.#at];
    switch (char) {
      case "{":
        return this.#object();
      case "[":
        return this.#array();
      case '"':
        return this.#string();
      case "t":
        return this.#word("true", true);
      case "f":
        return this.#word("false", false);
      case "n":
        return this.#word("null", null);
      default:
        return this.#number();
    }
  }

  #object(): JsonObject {
    const object: Record<string, JsonValue> = Object.create(null) as Record<string, JsonValue>;
    this.#enter("");
    if (this.#accept("}")) return this.#leave(object);
    do {
      this.#skipSpace();
      if (this.#text[this.#at] !== '"') throw this.#error("expected a key");
      const key = this.#string();
      this.#path[this.#path.length - 1] = key;
      if (key in object) throw this.#error("the key occurs twice");
      this.#expect(":");
      object[key] = this.#value();
    } while (this.#accept(","));
    this.#expect("}");
    return this.#leave(object);
  }

  #array(): JsonValue[] {
    const array: JsonValue[] = [];
    this.#enter(0);
    if (this.#accept("]")) return this.#leave(array);
    do {
      this.#path[this.#path.length - 1] = array.length;
      array.push(this.#value());
    } while (this.#accept(","));
    this.#expect("]");
    return this.#leave(array);
  }

  #string(): string {
    this.#at++;
    let result = "";
    for (;;) {
      PLAIN_STRING.lastIndex = this.#at;
      const plain = PLAIN_STRING.exec(this.#text)![0];
      this.#at += plain.length;
      result = result === "" ? plain : result + plain;
      const char = this.#text[this.#at];
      if (char === '"') {
        this.#at++;
        // The text was valid UTF-8, so only escapes can have brought one in.
        if (LONE_SURROGATE.test(result)) throw this.#error("the string has half a surrogate pair");
        return result;
      }
      if (char !== "\\") {
        throw this.#error(char === undefined ? "the string does not end" : "the string has a control character");
      }
      result += this.#escape();
    }
  }

  #escape(): string {
    const char = this.#text[this.#at + 1] ?? "";
    if (char === "u") {
      const hex = this.#text.slice(this.#at + 2, this.#at + 6);
      if (!/^[0-9a-fA-F]{4}$/.test(hex)) throw this.#error("the escape is not four hex digits");
      this.#at += 6;
      return String.fromCharCode(Number.parseInt(hex, 16));
    }
    const escaped = ESCAPES.get(char);
    if (escaped === undefined) throw this.#error("the escape is unknown");
    this.#at += 2;
    return escaped;
  }

  #number(): number {
    NUMBER.lastIndex = this.#at;
    const literal = NUMBER.exec(this.#text)?.[0];
    if (literal === undefined) throw this.#error("expected a value");
    const value = Number(literal);
    if (!Number.isFinite(value) || (Number.isInteger(value) && !Number.isSafeInteger(value))) {
      throw this.#error("the number is too large");
    }
    this.#at += literal.length;
    return value;
  }

  #word<T extends JsonValue>(word: string, value: T): T {
    if (!this.#text.startsWith(word, this.#at)) throw this.#error("expected a value");
    this.#at += word.length;
    return value;
  }

  #enter(step: string | number): void {
    if (this.#path.length >= this.#maxDepth) throw this.#error(`expected at most ${this.#maxDepth} levels`);
    this.#at++;
    this.#path.push(step);
  }

  #leave<T>(value: T): T {
    this.#path.pop();
    return value;
  }

  #accept(char: string): boolean {
    this.#skipSpace();
    if (this.#text[this.#at] !== char) return false;
    this.#at++;
    return true;
  }

  #expect(char: string): void {
    if (!this.#accept(char)) throw this.#error(`expected "${char}"`);
  }

  #skipSpace(): void {
    for (;;) {
      const code = this.#text.charCodeAt(this.#at);
      if (code !== 0x20 && code !== 0x0a && code !== 0x0d && code !== 0x09) return;
      this.#at++;
    }
  }

  #error(reason: string): OcibuildError {
    const path = formatJsonPath(this.#path);
    return invalid(this.#document, `${reason} at offset ${this.#at}${path === "" ? "" : ` (${path})`}`);
  }
}

/** `["layers", 3, "size"]` as `layers[3].size`, shortened where it is absurdly long. */
export function formatJsonPath(path: readonly PropertyKey[]): string {
  let result = "";
  for (const step of path) {
    if (typeof step === "number") result += `[${step}]`;
    else if (/^[A-Za-z_][A-Za-z0-9_]*$/.test(String(step))) result += result === "" ? String(step) : `.${String(step)}`;
    else if (step !== "") result += `[${JSON.stringify(String(step).slice(0, 60))}]`;
  }
  return result.length > 200 ? `…${result.slice(-200)}` : result;
}
