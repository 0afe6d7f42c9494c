/**
 * Byte strings: names and paths as the kernel and tar see them, held in a JavaScript string.
 *
 * A `ByteString` has one UTF-16 code unit (0–255) for each byte. ASCII text looks the same either way, `<` compares
 * bytewise, and a name that is not valid UTF-8 survives every step from the build context to the layer.
 */
declare const byteString: unique symbol;

/** A string whose every code unit is one byte (0–255), usually UTF-8. */
export type ByteString = string & { readonly [byteString]: true };

const NON_ASCII = /[^\x00-\x7f]/;

/** The bytes of `text` in UTF-8. */
export function bytesOf(text: string): ByteString {
  return (NON_ASCII.test(text) ? Buffer.from(text, "utf8").toString("latin1") : text) as ByteString;
}

/** The text of `bytes` for people: UTF-8, with U+FFFD for what is not. Not reversible. */
export function textOf(bytes: ByteString): string {
  return NON_ASCII.test(bytes) ? Buffer.from(bytes, "latin1").toString("utf8") : bytes;
}

/** `bytes` in the form that `node:fs` takes as a path: a plain string when it is ASCII, else a Buffer. */
export function fsPath(bytes: ByteString): string | Buffer {
  return NON_ASCII.test(bytes) ? Buffer.from(bytes, "latin1") : bytes;
}

/** The bytes of `bytes` in a Buffer of their own. */
export function bufferOf(bytes: ByteString): Buffer {
  return Buffer.from(bytes, "latin1");
}

/** Takes a Buffer's bytes as a `ByteString`. */
export function byteStringOf(buffer: Buffer): ByteString {
  return buffer.toString("latin1") as ByteString;
}

/** Orders byte strings bytewise, for `Array.prototype.sort`. */
export function compareBytes(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
