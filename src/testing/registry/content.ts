/** What an in-process registry holds, in memory. Several registries may share one content: a mirror, a blob store. */
import { createHash, randomUUID } from "node:crypto";

export interface StoredManifest {
  readonly mediaType: string;
  readonly bytes: Buffer;
}

export interface UploadSession {
  readonly repository: string;
  readonly chunks: Buffer[];
  size: number;
}

interface Repository {
  readonly blobs: Map<string, Buffer>;
  /** By digest. */
  readonly manifests: Map<string, StoredManifest>;
  /** Tag → digest. */
  readonly tags: Map<string, string>;
}

export class RegistryContent {
  readonly #repositories = new Map<string, Repository>();
  readonly #sessions = new Map<string, UploadSession>();

  /** Puts a blob as if it had been pushed; returns its digest. */
  putBlob(repository: string, bytes: Buffer): string {
    const digest = sha256(bytes);
    this.#repository(repository).blobs.set(digest, bytes);
    return digest;
  }

  /** Puts a manifest or index as if it had been pushed; returns its digest. What it refers to is not checked. */
  putManifest(repository: string, bytes: Buffer, mediaType: string, ...tags: readonly string[]): string {
    const digest = sha256(bytes);
    const { manifests, tags: known } = this.#repository(repository);
    manifests.set(digest, { mediaType, bytes });
    for (const tag of tags) known.set(tag, digest);
    return digest;
  }

  blob(repository: string, digest: string): Buffer | undefined {
    return this.#repositories.get(repository)?.blobs.get(digest);
  }

  /** By tag or digest. */
  manifest(repository: string, tagOrDigest: string): (StoredManifest & { readonly digest: string }) | undefined {
    const found = this.#repositories.get(repository);
    const digest = found?.tags.get(tagOrDigest) ?? tagOrDigest;
    const manifest = found?.manifests.get(digest);
    return manifest === undefined ? undefined : { ...manifest, digest };
  }

  /** Tags of a repository in lexical order; `undefined` when there is no such repository. */
  tags(repository: string): string[] | undefined {
    const found = this.#repositories.get(repository);
    return found === undefined ? undefined : [...found.tags.keys()].sort();
  }

  repositories(): string[] {
    return [...this.#repositories.keys()].sort();
  }

  /** Removes a manifest, with the tags that name it, or a blob. Returns whether it was there. */
  delete(kind: "manifests" | "blobs", repository: string, digest: string): boolean {
    const found = this.#repositories.get(repository);
    if (found === undefined) return false;
    for (const [tag, target] of found.tags) if (kind === "manifests" && target === digest) found.tags.delete(tag);
    return found[kind].delete(digest);
  }

  openSession(repository: string): string {
    const id = randomUUID();
    this.#sessions.set(id, { repository, chunks: [], size: 0 });
    return id;
  }

  session(repository: string, id: string): UploadSession | undefined {
    const session = this.#sessions.get(id);
    return session?.repository === repository ? session : undefined;
  }

  /** Forgets a session, or all of them. */
  closeSession(id?: string): void {
    if (id === undefined) this.#sessions.clear();
    else this.#sessions.delete(id);
  }

  get openSessions(): number {
    return this.#sessions.size;
  }

  #repository(name: string): Repository {
    let found = this.#repositories.get(name);
    if (found === undefined) {
      found = { blobs: new Map(), manifests: new Map(), tags: new Map() };
      this.#repositories.set(name, found);
    }
    return found;
  }
}

export function sha256(bytes: Buffer): string {
  return `sha256:${createHash("sha256").update(bytes).digest("hex")}`;
}
