/** Values inside the two texts that executors hand to programs: shell scripts and fstab lines. */
import { type ByteString, bytesOf } from "../../util/bytes.js";

/** `value` as one word of a POSIX shell, whatever it holds except NUL. */
export function shellWord(value: string): string {
  return /^[A-Za-z0-9_@%+=:,./-]+$/.test(value) ? value : `'${value.replaceAll("'", `'\\''`)}'`;
}

/** `value` as one field of an fstab line. */
export function fstabField(value: string): string {
  return value.replace(/[\\\s#"']/g, (char) => `\\${char.charCodeAt(0).toString(8).padStart(3, "0")}`);
}

/** `bytes` as the format of the shell's `printf`: for content that is neither text nor may be seen in a process list. */
export function printfFormat(bytes: Uint8Array): ByteString {
  let text = "";
  for (const byte of bytes) text += `\\${byte.toString(8).padStart(3, "0")}`;
  return bytesOf(text);
}
