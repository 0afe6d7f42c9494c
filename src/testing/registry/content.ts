/** What an in-process registry holds, in memory or in a folder. Several registries may share one content. */
import { randomUUID } from "node:crypto";
import { folderStorage, memoryStorage, type Storage, type StoredBlob, sha256, type UploadData } from "./storage.js";

export { sha256 } from "./storage.js";

export interface StoredManifest {
  readonly mediaType: string;
  readonly bytes: Buffer;
}

interface Repository {
  readonly blobs: Set<string>;
  /** Digest → media type. */
  readonly manifests: Map<string, string>;
  /** Tag → digest. */
  readonly tags: Map<string, string>;
}

interface UploadSession {
  readonly repository: string;
  readonly data: UploadData;
}

export class RegistryContent {
  readonly #storage: Storage;
  readonly #repositories: Map<string, Repository>;
  readonly #sessions = new Map<string, UploadSession>();

  /** In memory unless `folder` is given, where what another content has left is found again. */
  constructor({ folder }: { readonly folder?: string } = {}) {
    this.#storage = folder === undefined ? memoryStorage() : folderStorage(folder);
    this.#repositories = new Map(
      [...this.#storage.repositories()].map(([name, { blobs, manifests, tags }]) => [
        name,
        { blobs: new Set(blobs), manifests: new Map(manifests), tags: new Map(tags) },
      ]),
    );
  }

  /** Puts a blob as if it had been pushed; returns its digest. */
  putBlob(repository: string, bytes: Buffer): string {
    const digest = sha256(bytes);
    this.#storage.put(digest, bytes);
    this.#addBlob(repository, digest);
    return digest;
  }

  /** Puts a manifest or index as if it had been pushed; returns its digest. What it refers to is not checked. */
  putManifest(repository: string, bytes: Buffer, mediaType: string, ...tags: readonly string[]): string {
    const digest = sha256(bytes);
    const found = this.#repository(repository);
    this.#storage.put(digest, bytes);
    found.manifests.set(digest, mediaType);
    this.#storage.note(repository, "manifests", digest, mediaType);
    for (const tag of tags) {
      found.tags.set(tag, digest);
      this.#storage.note(repository, "tags", tag, digest);
    }
    return digest;
  }

  /** The bytes of a blob that the repository has. */
  blob(repository: string, digest: string): Buffer | undefined {
    return this.#has(repository, digest) ? this.#storage.read(digest) : undefined;
  }

  /** The same, to be read piece by piece. */
  openBlob(repository: string, digest: string): StoredBlob | undefined {
    return this.#has(repository, digest) ? this.#storage.blob(digest) : undefined;
  }

  /** Makes `repository` have a blob of `from`. Returns whether that has it. */
  mountBlob(repository: string, digest: string, from: string): boolean {
    if (!this.#has(from, digest)) return false;
    this.#addBlob(repository, digest);
    return true;
  }

  /** By tag or digest. */
  manifest(repository: string, tagOrDigest: string): (StoredManifest & { readonly digest: string }) | undefined {
    const found = this.#repositories.get(repository);
    const digest = found?.tags.get(tagOrDigest) ?? tagOrDigest;
    const mediaType = found?.manifests.get(digest);
    const bytes = mediaType === undefined ? undefined : this.#storage.read(digest);
    return mediaType === undefined || bytes === undefined ? undefined : { mediaType, bytes, digest };
  }

  /** Digests of the manifests and indexes of a repository. */
  manifests(repository: string): string[] {
    return [...(this.#repositories.get(repository)?.manifests.keys() ?? [])];
  }

  /** Tags of a repository in lexical order; `undefined` when there is no such repository. */
  tags(repository: string): string[] | undefined {
    const found = this.#repositories.get(repository);
    return found === undefined ? undefined : [...found.tags.keys()].sort();
  }

  repositories(): string[] {
    return [...this.#repositories.keys()].sort();
  }

  /** Removes a tag, a manifest with the tags that name it, or a blob. Returns whether it was there. */
  delete(kind: "tags" | "manifests" | "blobs", repository: string, name: string): boolean {
    const found = this.#repositories.get(repository);
    if (found === undefined) return false;
    for (const [tag, target] of found.tags) {
      if (kind === "manifests" && target === name) this.delete("tags", repository, tag);
    }
    this.#storage.note(repository, kind, name, undefined);
    return found[kind].delete(name);
  }

  openSession(repository: string): string {
    const id = randomUUID();
    this.#sessions.set(id, { repository, data: this.#storage.startUpload() });
    return id;
  }

  session(repository: string, id: string): UploadData | undefined {
    const session = this.#sessions.get(id);
    return session?.repository === repository ? session.data : undefined;
  }

  /** Ends a session; its bytes become a blob when they have `digest`. Returns whether they had. */
  finishSession(repository: string, id: string, digest: string): boolean {
    const data = this.session(repository, id);
    this.#sessions.delete(id);
    if (data?.finish(digest) !== true) return false;
    this.#addBlob(repository, digest);
    return true;
  }

  /** Forgets a session, or all of them. */
  closeSession(id?: string): void {
    for (const [known, { data }] of this.#sessions) {
      if (id !== undefined && known !== id) continue;
      data.discard();
      this.#sessions.delete(known);
    }
  }

  get openSessions(): number {
    return this.#sessions.size;
  }

  #has(repository: string, digest: string): boolean {
    return this.#repositories.get(repository)?.blobs.has(digest) === true;
  }

  #addBlob(repository: string, digest: string): void {
    this.#repository(repository).blobs.add(digest);
    this.#storage.note(repository, "blobs", digest, "");
  }

  #repository(name: string): Repository {
    let found = this.#repositories.get(name);
    if (found === undefined) {
      found = { blobs: new Set(), manifests: new Map(), tags: new Map() };
      this.#repositories.set(name, found);
    }
    return found;
  }
}
