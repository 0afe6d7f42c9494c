/**
 * Small files that are checked when they are read: a line of text with the digest of the rest, then the rest.
 *
 * Written without fsync. Whatever a power loss or bit rot does to such a file, it reads as "not there" (K2, K5).
 */
import { createHash } from "node:crypto";
import { closeSync, fstatSync, openSync, readSync } from "node:fs";
import { PendingFile } from "./pending-file.js";

/** A multiple of 8, so that a payload may be viewed as numbers in place. */
const HEADER_BYTES = 128;

function headerOf(payload: Uint8Array): Buffer {
  const digest = createHash("sha256").update(payload).digest("hex");
  return Buffer.from(`ocibuild sealed 1 sha256:${digest}`.padEnd(HEADER_BYTES - 1).concat("\n"), "latin1");
}

/** Replaces the file `path` by `payload`, atomically; `tmp` is a folder on the same file system. @throws STORE_UNUSABLE */
export function writeSealed(tmp: string, path: string, payload: Uint8Array): void {
  const file = PendingFile.create(tmp);
  file.write(headerOf(payload));
  file.write(payload);
  file.commitUnsynced(path);
}

/** What `writeSealed` wrote; `undefined` when it is missing, unreadable, damaged or larger than `limitBytes`. */
export function readSealed(path: string, limitBytes: number): Buffer | undefined {
  const bytes = readSmallFile(path, limitBytes + HEADER_BYTES);
  if (bytes === undefined || bytes.length < HEADER_BYTES) return undefined;
  const payload = bytes.subarray(HEADER_BYTES);
  return headerOf(payload).equals(bytes.subarray(0, HEADER_BYTES)) ? payload : undefined;
}

/** The parsed JSON of a sealed file, or `undefined` as in `readSealed`. */
export function readSealedJson(path: string, limitBytes: number): unknown {
  const payload = readSealed(path, limitBytes);
  if (payload === undefined) return undefined;
  try {
    return JSON.parse(payload.toString("utf8"));
  } catch {
    return undefined;
  }
}

/** The whole regular file `path` in a buffer of its own; `undefined` when missing, unreadable or over `limitBytes`. */
export function readSmallFile(path: string, limitBytes: number): Buffer | undefined {
  let fd: number;
  try {
    fd = openSync(path, "r");
  } catch {
    return undefined;
  }
  try {
    const stat = fstatSync(fd);
    if (!stat.isFile() || stat.size > limitBytes) return undefined;
    const bytes = Buffer.allocUnsafeSlow(stat.size);
    let done = 0;
    while (done < bytes.length) {
      const count = readSync(fd, bytes, done, bytes.length - done, done);
      if (count === 0) return undefined;
      done += count;
    }
    return bytes;
  } catch {
    return undefined;
  } finally {
    closeSync(fd);
  }
}
