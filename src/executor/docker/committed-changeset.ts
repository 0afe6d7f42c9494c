/**
 * What a container changed, by way of an image: for engines that keep files in containerd's store, where no folder is to be
 * had. The engine gives out the whole image; the layer that is not one of ours is the changeset.
 */
import { decompressAs } from "../../compression/decompress.js";
import { type DiffId, hexOf } from "../../oci/digest.js";
import { readArchive } from "../../tar/archive.js";
import { layerChangeset } from "../kit/layer-changeset.js";
import { rewriteTar } from "../kit/tar-rewriter.js";
import { DOCKER, type Engine } from "./engine.js";
import { ownedLabels } from "./labels.js";
import { removeImage } from "./removal.js";
import { CreatedSchema } from "./schemas.js";
import type { ChangesetParts } from "./upper-changeset.js";

/** Of Docker, and of Podman. */
const BLOB = /^(?:blobs\/sha256\/([0-9a-f]{64})|([0-9a-f]{64})\.tar)$/;
const GZIP = Buffer.from([0x1f, 0x8b]);
const ZSTD = Buffer.from([0x28, 0xb5, 0x2f, 0xfd]);
const MAX_HEAD_BYTES = 512;

/** The layer. @throws EXECUTOR_FAILED; the signal's reason */
export async function* committedChangeset(
  { helpers, id, view, limitBytes, signal }: ChangesetParts,
  layers: readonly DiffId[],
): AsyncGenerator<Buffer, void, undefined> {
  const { engine } = helpers;
  const known = new Set(layers.map(hexOf));
  const image = await helpers.alone(() => commit(engine, id, signal));
  try {
    const tar = engine.stream({ method: "GET", path: `/images/${image}/get`, signal });
    for await (const { name, type, body } of readArchive(tar, { signal })) {
      const [, blob, layer] = BLOB.exec(name) ?? [];
      const hex = blob ?? layer;
      if (type !== "file" || hex === undefined || known.has(hex)) continue;
      const { head, all } = await peeked(body);
      // The image's documents are beside its layers.
      if (head[0] === 0x7b && head.toString("latin1", 257, 262) !== "ustar") continue;
      const kind = startsWith(head, GZIP) ? "gzip" : startsWith(head, ZSTD) ? "zstd" : "uncompressed";
      yield* rewriteTar(decompressAs(all, kind, { signal }), layerChangeset({ executor: DOCKER, view, limitBytes }));
      return;
    }
    // Nothing was changed: the layer is one that the image has already, or none.
    yield Buffer.alloc(1024);
  } finally {
    await helpers.alone(() => removeImage(engine, image));
  }
}

/** Podman's words when somebody removes an image while another one with the same layer is made. */
const LOST_LAYER = /layer not known/;
const MAX_COMMITS = 5;

/** Id of an image of the container. It has ended, so it can be tried again. */
async function commit(engine: Engine, id: string, signal: AbortSignal): Promise<string> {
  const query = { container: id, pause: "0" };
  const json = { Labels: ownedLabels("committed") };
  for (let tries = 1; ; tries++) {
    try {
      return (await engine.json({ method: "POST", path: "/commit", query, json, signal }, CreatedSchema)).Id;
    } catch (error) {
      if (tries === MAX_COMMITS || !LOST_LAYER.test((error as Error).message)) throw error;
    }
  }
}

function startsWith(bytes: Buffer, magic: Buffer): boolean {
  return bytes.subarray(0, magic.length).equals(magic);
}

/** The first bytes of `body`, and all of it once more. */
async function peeked(
  body: AsyncIterable<Buffer>,
): Promise<{ readonly head: Buffer; readonly all: AsyncIterable<Buffer> }> {
  const chunks = body[Symbol.asyncIterator]();
  const first: Buffer[] = [];
  for (let size = 0; size < MAX_HEAD_BYTES; ) {
    const { value, done } = await chunks.next();
    if (done === true) break;
    first.push(value);
    size += value.length;
  }
  async function* all(): AsyncGenerator<Buffer, void, undefined> {
    yield* first;
    for (;;) {
      const { value, done } = await chunks.next();
      if (done === true) return;
      yield value;
    }
  }
  return { head: Buffer.concat(first).subarray(0, MAX_HEAD_BYTES), all: all() };
}
