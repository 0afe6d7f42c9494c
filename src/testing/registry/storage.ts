/** Where an in-process registry keeps bytes: in memory or in a folder. Blobs are kept once, whatever repositories have them. */
import { createHash, type Hash, randomUUID } from "node:crypto";
import {
  closeSync,
  createReadStream,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { dirname, join, relative, sep } from "node:path";

/** An upload under way: bytes are acknowledged as soon as they are appended. */
export interface UploadData {
  readonly size: number;
  append(chunk: Buffer): void;
  /** Keeps the bytes as a blob when they have `digest`; else forgets them. Returns whether they had. */
  finish(digest: string): boolean;
  discard(): void;
}

/** Bytes that are read piece by piece. */
export interface StoredBlob {
  readonly size: number;
  /** From `start` up to and without `end`. */
  open(start: number, end: number): AsyncIterable<Buffer> | Iterable<Buffer>;
}

/** What is known of one repository. */
export interface RepositoryRecord {
  readonly blobs: readonly string[];
  /** Digest → media type. */
  readonly manifests: ReadonlyMap<string, string>;
  /** Tag → digest. */
  readonly tags: ReadonlyMap<string, string>;
}

export interface Storage {
  read(digest: string): Buffer | undefined;
  blob(digest: string): StoredBlob | undefined;
  put(digest: string, bytes: Buffer): void;
  startUpload(): UploadData;
  /** What was there when the storage was opened. */
  repositories(): ReadonlyMap<string, RepositoryRecord>;
  /** Notes one fact of a repository, or forgets it when `value` is undefined. */
  note(repository: string, kind: "blobs" | "manifests" | "tags", name: string, value: string | undefined): void;
}

export function memoryStorage(): Storage {
  const blobs = new Map<string, Buffer>();
  return {
    read: (digest) => blobs.get(digest),
    blob(digest) {
      const bytes = blobs.get(digest);
      if (bytes === undefined) return undefined;
      return { size: bytes.length, open: (start, end) => [bytes.subarray(start, end)] };
    },
    put: (digest, bytes) => void blobs.set(digest, bytes),
    startUpload() {
      const chunks: Buffer[] = [];
      let size = 0;
      return {
        get size() {
          return size;
        },
        append(chunk) {
          chunks.push(chunk);
          size += chunk.length;
        },
        finish(digest) {
          const bytes = Buffer.concat(chunks.splice(0));
          const matches = sha256(bytes) === digest;
          if (matches) blobs.set(digest, bytes);
          return matches;
        },
        discard: () => void chunks.splice(0),
      };
    },
    repositories: () => new Map(),
    note: () => {},
  };
}

const KINDS = ["blobs", "manifests", "tags"] as const;

/**
 * Keeps everything in `folder`: `blobs/sha256/HEX`, `uploads/`, and `repositories/NAME/_blobs|_manifests|_tags/`, one
 * small file for each fact.
 */
export function folderStorage(folder: string): Storage {
  const repositoriesFolder = join(folder, "repositories");
  const uploads = join(folder, "uploads");
  const pathOf = (digest: string): string => join(folder, "blobs", ...digest.split(":"));
  mkdirSync(join(folder, "blobs", "sha256"), { recursive: true });
  mkdirSync(uploads, { recursive: true });
  mkdirSync(repositoriesFolder, { recursive: true });

  const facts = (repository: string, kind: (typeof KINDS)[number]): Map<string, string> => {
    const place = join(repositoriesFolder, repository, `_${kind}`);
    const names = readdirSync(place);
    return new Map(
      names.map((name) => [kind === "tags" ? name : `sha256:${name}`, readFileSync(join(place, name), "utf8")]),
    );
  };

  return {
    read(digest) {
      try {
        return readFileSync(pathOf(digest));
      } catch {
        return undefined;
      }
    },
    blob(digest) {
      const path = pathOf(digest);
      const size = statSync(path, { throwIfNoEntry: false })?.size;
      if (size === undefined) return undefined;
      return {
        size,
        open: (start, end) =>
          start >= end ? [] : createReadStream(path, { start, end: end - 1, highWaterMark: 1024 * 1024 }),
      };
    },
    put: (digest, bytes) => writeFileSync(pathOf(digest), bytes),
    startUpload: () => fileUpload(join(uploads, randomUUID()), pathOf),
    repositories() {
      const found = readdirSync(repositoriesFolder, { recursive: true, withFileTypes: true })
        .filter((entry) => entry.isDirectory() && entry.name === "_blobs")
        .map((entry) => relative(repositoriesFolder, entry.parentPath).split(sep).join("/"));
      return new Map(
        found.map((name) => [
          name,
          { blobs: [...facts(name, "blobs").keys()], manifests: facts(name, "manifests"), tags: facts(name, "tags") },
        ]),
      );
    },
    note(repository, kind, name, value) {
      for (const each of KINDS) mkdirSync(join(repositoriesFolder, repository, `_${each}`), { recursive: true });
      const path = join(repositoriesFolder, repository, `_${kind}`, name.replace(/^sha256:/, ""));
      if (value === undefined) rmSync(path, { force: true });
      else writeFileSync(path, value);
    },
  };
}

function fileUpload(path: string, pathOf: (digest: string) => string): UploadData {
  const file = openSync(path, "wx", 0o600);
  const hash: Hash = createHash("sha256");
  let size = 0;
  let open = true;
  const close = (): void => {
    if (open) closeSync(file);
    open = false;
  };
  const discard = (): void => {
    close();
    rmSync(path, { force: true });
  };
  return {
    get size() {
      return size;
    },
    append(chunk) {
      for (let at = 0; at < chunk.length; ) at += writeSync(file, chunk, at);
      hash.update(chunk);
      size += chunk.length;
    },
    finish(digest) {
      close();
      const matches = `sha256:${hash.digest("hex")}` === digest;
      if (matches) {
        mkdirSync(dirname(pathOf(digest)), { recursive: true });
        renameSync(path, pathOf(digest));
      } else discard();
      return matches;
    },
    discard,
  };
}

export function sha256(bytes: Buffer): string {
  return `sha256:${createHash("sha256").update(bytes).digest("hex")}`;
}
