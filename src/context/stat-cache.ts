/**
 * Remembers the sha256 of files by what `lstat` says of them, so that an unchanged build reads no content.
 *
 * The bytes are one sorted table with a checksum of its own (threat K5: what is damaged counts as empty). A file that
 * was young when the build began is not remembered: it could change again without a trace in its times (K8).
 */
import { createHash } from "node:crypto";
import { comparePaths } from "../tree/paths.js";
import { type ByteString, bufferOf } from "../util/bytes.js";

/** What identifies a state of a file. */
export interface FileIdentity {
  readonly ino: number;
  readonly size: number;
  readonly mode: number;
  readonly mtimeSeconds: number;
  readonly mtimeNanos: number;
  readonly ctimeSeconds: number;
  readonly ctimeNanos: number;
}

export interface StatCache {
  /** The sha256 of the file's content, if `identity` is the one it was recorded with. */
  lookup(path: ByteString, identity: FileIdentity): Buffer | undefined;
  record(path: ByteString, identity: FileIdentity, sha256: Buffer): void;
  /** The bytes to keep for the next build; `undefined` when they would be those this cache was made from. */
  encode(): Buffer | undefined;
}

const MAGIC = Buffer.from("ocibuild stat 1\n", "latin1");
const CHECKSUM_BYTES = 32;
const DIGEST_BYTES = 32;
/** ino, size, mtime and ctime in seconds as doubles; nanoseconds and mode as 32-bit numbers; the digest. */
const RECORD_BYTES = 4 * 8 + 3 * 4 + DIGEST_BYTES;
const HEADER_BYTES = MAGIC.length + 8;
/** The coarsest time stamps in use (FAT) are 2 s apart. */
const RACY_MS = 2_000;
/** When there are more, files that this build did not meet are forgotten. */
const MAX_ENTRIES = 250_000;

/**
 * A cache from the bytes of an earlier one; from `undefined` or damaged bytes an empty one.
 * @param startedMs when the build began, milliseconds since 1970, by the clock that stamps the files
 */
export function openStatCache(bytes: Buffer | undefined, startedMs: number): StatCache {
  return new Table(bytes === undefined ? undefined : decode(bytes), startedMs);
}

interface Decoded {
  readonly names: readonly ByteString[];
  /** Records, in the order of `names`. */
  readonly records: Buffer;
}

interface Fresh {
  readonly identity: FileIdentity;
  readonly sha256: Buffer;
}

class Table implements StatCache {
  readonly #names: readonly ByteString[];
  readonly #records: Buffer;
  readonly #met: Uint8Array;
  readonly #fresh = new Map<ByteString, Fresh>();
  readonly #startedMs: number;
  #positions: Map<ByteString, number> | undefined;
  /** Where the next path of a walk is expected. */
  #cursor = 0;

  constructor(decoded: Decoded | undefined, startedMs: number) {
    this.#names = decoded?.names ?? [];
    this.#records = decoded?.records ?? Buffer.alloc(0);
    this.#met = new Uint8Array(this.#names.length);
    this.#startedMs = startedMs;
  }

  lookup(path: ByteString, identity: FileIdentity): Buffer | undefined {
    const fresh = this.#fresh.get(path);
    if (fresh !== undefined) return isSame(fresh.identity, identity) ? fresh.sha256 : undefined;
    const position = this.#position(path);
    if (position === -1) return undefined;
    this.#met[position] = 1;
    const at = position * RECORD_BYTES;
    if (!isRecorded(this.#records, at, identity)) return undefined;
    return this.#records.subarray(at + RECORD_BYTES - DIGEST_BYTES, at + RECORD_BYTES);
  }

  record(path: ByteString, identity: FileIdentity, sha256: Buffer): void {
    // A copy shares a block of memory with many; the original would keep one of its own, for each of 100,000 files.
    this.#fresh.set(path, { identity, sha256: Buffer.from(sha256) });
  }

  encode(): Buffer | undefined {
    const added = [...this.#fresh].filter(([, fresh]) => this.#isSettled(fresh.identity));
    if (added.length === 0) return undefined;
    added.sort(([a], [b]) => comparePaths(a, b));
    const keepsUnmet = this.#names.length + added.length <= MAX_ENTRIES;
    const names: ByteString[] = [];
    const records: Buffer[] = [];
    let next = 0;
    for (let position = 0; position <= this.#names.length; position++) {
      const name = this.#names[position];
      for (; next < added.length && (name === undefined || comparePaths(added[next]![0], name) < 0); next++) {
        names.push(added[next]![0]);
        records.push(encodeRecord(added[next]![1]));
      }
      if (name === undefined || this.#fresh.has(name) || !(keepsUnmet || this.#met[position] === 1)) {
        continue;
      }
      names.push(name);
      records.push(this.#records.subarray(position * RECORD_BYTES, (position + 1) * RECORD_BYTES));
    }
    return encodeTable(names, records);
  }

  #position(path: ByteString): number {
    if (this.#names[this.#cursor] === path) return this.#cursor++;
    if (this.#names.length === 0) return -1;
    this.#positions ??= new Map(this.#names.map((name, position) => [name, position]));
    const position = this.#positions.get(path);
    if (position === undefined) return -1;
    this.#cursor = position + 1;
    return position;
  }

  #isSettled(identity: FileIdentity): boolean {
    const limitSeconds = (this.#startedMs - RACY_MS) / 1000;
    return identity.mtimeSeconds < limitSeconds && identity.ctimeSeconds < limitSeconds;
  }
}

function isSame(a: FileIdentity, b: FileIdentity): boolean {
  return (
    a.ino === b.ino &&
    a.size === b.size &&
    a.mode === b.mode &&
    a.mtimeSeconds === b.mtimeSeconds &&
    a.mtimeNanos === b.mtimeNanos &&
    a.ctimeSeconds === b.ctimeSeconds &&
    a.ctimeNanos === b.ctimeNanos
  );
}

function isRecorded(records: Buffer, at: number, identity: FileIdentity): boolean {
  return (
    records.readDoubleLE(at) === identity.ino &&
    records.readDoubleLE(at + 8) === identity.size &&
    records.readDoubleLE(at + 16) === identity.mtimeSeconds &&
    records.readDoubleLE(at + 24) === identity.ctimeSeconds &&
    records.readUInt32LE(at + 32) === identity.mtimeNanos &&
    records.readUInt32LE(at + 36) === identity.ctimeNanos &&
    records.readUInt32LE(at + 40) === identity.mode
  );
}

function encodeRecord({ identity, sha256 }: Fresh): Buffer {
  const record = Buffer.alloc(RECORD_BYTES);
  record.writeDoubleLE(identity.ino, 0);
  record.writeDoubleLE(identity.size, 8);
  record.writeDoubleLE(identity.mtimeSeconds, 16);
  record.writeDoubleLE(identity.ctimeSeconds, 24);
  record.writeUInt32LE(identity.mtimeNanos, 32);
  record.writeUInt32LE(identity.ctimeNanos, 36);
  record.writeUInt32LE(identity.mode, 40);
  sha256.copy(record, 44);
  return record;
}

function encodeTable(names: readonly ByteString[], records: readonly Buffer[]): Buffer {
  const text = bufferOf(names.join("\0") as ByteString);
  const sizes = Buffer.alloc(8);
  sizes.writeUInt32LE(names.length, 0);
  sizes.writeUInt32LE(text.length, 4);
  const body = Buffer.concat([MAGIC, sizes, ...records, text]);
  return Buffer.concat([body, createHash("sha256").update(body).digest()]);
}

function decode(bytes: Buffer): Decoded | undefined {
  if (bytes.length < HEADER_BYTES + CHECKSUM_BYTES || !bytes.subarray(0, MAGIC.length).equals(MAGIC)) return undefined;
  const body = bytes.subarray(0, bytes.length - CHECKSUM_BYTES);
  if (!createHash("sha256").update(body).digest().equals(bytes.subarray(body.length))) return undefined;
  const count = body.readUInt32LE(MAGIC.length);
  const textStart = HEADER_BYTES + count * RECORD_BYTES;
  if (textStart + body.readUInt32LE(MAGIC.length + 4) !== body.length) return undefined;
  const names = count === 0 ? [] : body.toString("latin1", textStart).split("\0");
  if (names.length !== count) return undefined;
  return { names: names as ByteString[], records: body.subarray(HEADER_BYTES, textStart) };
}
