/**
 * Brings the images of a tarball into the store: OCI layouts in a tar, and what `docker save` writes, also gzipped. Members
 * are stored as they come, each under the digest of its own bytes; what the archive says of them is checked when it is used.
 */
import { createHash } from "node:crypto";
import { posix } from "node:path";
import { OcibuildError } from "../errors.js";
import type { Abortable } from "../oci/blobs.js";
import { type Digest, digestFromHash, digestOf, isDigest } from "../oci/digest.js";
import { encodeManifest } from "../oci/encode.js";
import { CONTAINERD_NAME, LAYOUT_INDEX_FILE, parseLayoutIndex, REF_NAME } from "../oci/layout.js";
import { layerMediaType, MEDIA_TYPES } from "../oci/media-types.js";
import { formatReference, parseReference } from "../oci/reference.js";
import type { Descriptor, ImageIndex } from "../oci/types.js";
import { type ArchiveMember, readArchive } from "../tar/archive.js";
import { decodeStrictJson, isJsonObject, type JsonValue, MAX_DOCUMENT_BYTES } from "../util/strict-json.js";
import type { BlobDirectory } from "./blob-directory.js";

const DOCKER_MANIFEST_FILE = "manifest.json";
const BLOB = /^blobs\/sha256\/([0-9a-f]{64})$/;
/** Links that lead to links: old archives of docker have them once. */
const MAX_LINKS = 8;

/** A member that was stored. */
interface StoredMember {
  readonly digest: Digest;
  readonly size: number;
  readonly isGzip: boolean;
}

/**
 * Stores the blobs of the archive `chunks` (uncompressed) and tells the images in it, named as the archive names them.
 * @param name how errors call the archive
 * @throws TAR_INVALID, DOCUMENT_INVALID, IMAGE_NOT_FOUND when it is no archive of images, BLOB_…, STORE_UNUSABLE
 */
export async function importImageArchive(
  blobs: BlobDirectory,
  chunks: AsyncIterable<Uint8Array>,
  name: string,
  options: Abortable = {},
): Promise<ImageIndex> {
  const documents = new Map<string, Buffer>();
  const members = new Map<string, StoredMember>();
  const links = new Map<string, string>();
  for await (const member of readArchive(chunks, options)) {
    if (member.type === "symlink") links.set(member.name, posix.join(posix.dirname(member.name), member.linkname));
    else if (member.type === "hardlink") links.set(member.name, posix.normalize(member.linkname));
    else if (member.type !== "file") continue;
    else if (member.name === LAYOUT_INDEX_FILE || member.name === DOCKER_MANIFEST_FILE) {
      documents.set(member.name, await readDocument(member, name));
    } else members.set(member.name, await storeMember(blobs, member, options));
  }
  const index = documents.get(LAYOUT_INDEX_FILE);
  if (index !== undefined) return parseLayoutIndex(index, name);
  const manifest = documents.get(DOCKER_MANIFEST_FILE);
  if (manifest === undefined) {
    throw new OcibuildError(
      "IMAGE_NOT_FOUND",
      `${name} is no archive of images: expected "index.json" or "manifest.json"`,
      {
        details: { reference: name },
        hint: "It must be what `docker save`, or a build with --output type=oci or type=docker, writes.",
      },
    );
  }
  const find = (path: string): StoredMember | undefined => {
    let at = path;
    for (let hops = 0; hops < MAX_LINKS && links.has(at); hops++) at = links.get(at)!;
    return members.get(at);
  };
  return dockerIndex(blobs, manifest, find, name, options);
}

async function readDocument(member: ArchiveMember, name: string): Promise<Buffer> {
  if (member.sizeBytes > MAX_DOCUMENT_BYTES) throw invalid(name, `"${member.name}" has more than 4 MiB`);
  const chunks: Buffer[] = [];
  for await (const chunk of member.body) chunks.push(chunk);
  return Buffer.concat(chunks);
}

async function storeMember(blobs: BlobDirectory, member: ArchiveMember, options: Abortable): Promise<StoredMember> {
  const promised = `sha256:${BLOB.exec(member.name)?.[1] ?? ""}`;
  const hash = createHash("sha256");
  const file = blobs.create();
  let head: Buffer = Buffer.alloc(0);
  try {
    for await (const chunk of member.body) {
      options.signal?.throwIfAborted();
      if (head.length < 2) head = Buffer.concat([head, chunk.subarray(0, 2)]);
      hash.update(chunk);
      file.write(chunk);
    }
    const digest = digestFromHash(hash.digest());
    if (isDigest(promised) && promised !== digest) {
      throw new OcibuildError("BLOB_DIGEST_MISMATCH", `archive member "${member.name}" has the digest "${digest}"`, {
        details: { expected: promised, actual: digest },
        hint: "The archive is damaged: make it again.",
      });
    }
    const size = file.sizeBytes;
    await blobs.publish(file, digest);
    return { digest, size, isGzip: head[0] === 0x1f && head[1] === 0x8b };
  } finally {
    file.discard();
  }
}

/** The images of a `manifest.json`, each with a manifest made for it. */
async function dockerIndex(
  blobs: BlobDirectory,
  bytes: Buffer,
  find: (path: string) => StoredMember | undefined,
  name: string,
  options: Abortable,
): Promise<ImageIndex> {
  const document = `${DOCKER_MANIFEST_FILE} of ${name}`;
  const value = decodeStrictJson(bytes, { document, maxBytes: MAX_DOCUMENT_BYTES });
  if (!Array.isArray(value)) throw invalid(name, "manifest.json expected a list");
  const entries: Descriptor[] = [];
  for (const item of value as JsonValue[]) {
    const { config, layers, tags } = readItem(item, name);
    const member = (path: string): StoredMember => {
      const found = find(path);
      if (found === undefined) throw invalid(name, `manifest.json names "${path}", which is not in the archive`);
      return found;
    };
    const { digest, size } = member(config);
    const manifest = encodeManifest({
      schemaVersion: 2,
      mediaType: MEDIA_TYPES.docker.manifest,
      config: { mediaType: MEDIA_TYPES.docker.config, digest, size },
      layers: layers.map((path) => {
        const layer = member(path);
        const compression = layer.isGzip ? "gzip" : "uncompressed";
        const mediaType = layerMediaType({ family: "docker", compression, foreign: false });
        return { mediaType, digest: layer.digest, size: layer.size };
      }),
    });
    const descriptor = { mediaType: MEDIA_TYPES.docker.manifest, digest: digestOf(manifest), size: manifest.length };
    await blobs.write(descriptor, [manifest], options);
    if (tags.length === 0) entries.push(descriptor);
    for (const tag of tags) entries.push({ ...descriptor, annotations: namesOf(tag) });
  }
  return { schemaVersion: 2, manifests: entries };
}

function readItem(item: JsonValue, name: string): { config: string; layers: string[]; tags: string[] } {
  const { Config: config, Layers: layers, RepoTags: tags } = isJsonObject(item) ? item : {};
  if (typeof config !== "string" || !isTexts(layers)) {
    throw invalid(name, "manifest.json expected Config and Layers in each entry");
  }
  return {
    config: posix.normalize(config),
    layers: layers.map((path) => posix.normalize(path)),
    tags: isTexts(tags) ? tags : [],
  };
}

function isTexts(value: JsonValue | undefined): value is string[] {
  return Array.isArray(value) && value.every((text) => typeof text === "string");
}

function namesOf(tag: string): Record<string, string> {
  const reference = parseReference(tag);
  return {
    [CONTAINERD_NAME]: formatReference(reference),
    ...(reference.tag === undefined ? {} : { [REF_NAME]: reference.tag }),
  };
}

function invalid(name: string, reason: string): OcibuildError<"DOCUMENT_INVALID"> {
  return new OcibuildError("DOCUMENT_INVALID", `${name} is not valid: ${reason}`, { details: { document: name } });
}
