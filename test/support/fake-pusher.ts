/** A registry as an output sees it, strict about order: a manifest is refused unless all that it refers to is there. */
import { MemoryBlobs } from "../../src/cache/memory-blobs.js";
import type { ImagePusher } from "../../src/oci/pusher.js";
import { nameOf } from "../../src/oci/reference.js";
import type { Descriptor } from "../../src/oci/types.js";

export interface FakeRepository {
  readonly blobs: MemoryBlobs;
  /** Digests that can be referred to. */
  readonly present: Set<string>;
  readonly tags: Map<string, Descriptor>;
}

export class FakePusher implements ImagePusher {
  readonly repositories: Map<string, FakeRepository> = new Map();
  /** Requests in the order in which they were made. */
  readonly log: string[] = [];
  /** Called before each request; what it throws, the request throws. */
  before: (request: string) => void = () => {};
  inFlight = 0;
  mostInFlight = 0;

  repository(name: string): FakeRepository {
    const found = this.repositories.get(name) ?? { blobs: new MemoryBlobs(), present: new Set(), tags: new Map() };
    this.repositories.set(name, found);
    return found;
  }

  /** Tags of all repositories with what they mean. */
  tags(): readonly string[] {
    return [...this.repositories]
      .flatMap(([name, { tags }]) => [...tags].map(([tag, { digest }]) => `${name}:${tag} ${digest}`))
      .sort();
  }

  pushBlob: ImagePusher["pushBlob"] = async (target, blob, source, options = {}) => {
    this.#request(
      `blob ${nameOf(target)} ${blob.digest}${options.mountFrom === undefined ? "" : ` from ${options.mountFrom}`}`,
    );
    const { blobs, present } = this.repository(nameOf(target));
    if (present.has(blob.digest)) return "exists";
    const other =
      options.mountFrom === undefined ? undefined : this.repositories.get(`${target.registry}/${options.mountFrom}`);
    this.mostInFlight = Math.max(this.mostInFlight, ++this.inFlight);
    try {
      const mounted = other?.present.has(blob.digest) === true;
      await blobs.write(blob, mounted ? other.blobs.open(blob) : source.open(blob, options), options);
      present.add(blob.digest);
      return mounted ? "mounted" : "uploaded";
    } finally {
      this.inFlight--;
    }
  };

  pushManifest: ImagePusher["pushManifest"] = async (target, manifest, bytes) => {
    this.#request(`manifest ${nameOf(target)}${target.tag === undefined ? `@${target.digest}` : `:${target.tag}`}`);
    const { blobs, present, tags } = this.repository(nameOf(target));
    const {
      config,
      layers = [],
      manifests = [],
    } = JSON.parse(bytes.toString()) as Record<"layers" | "manifests", Descriptor[]> & { config?: Descriptor };
    for (const { digest } of [...(config === undefined ? [] : [config]), ...layers, ...manifests]) {
      if (!present.has(digest)) throw new Error(`MANIFEST_BLOB_UNKNOWN ${digest}`);
    }
    await blobs.write(manifest, [bytes]);
    present.add(manifest.digest);
    if (target.tag !== undefined) tags.set(target.tag, manifest);
  };

  #request(request: string): void {
    this.before(request);
    this.log.push(request);
  }
}
