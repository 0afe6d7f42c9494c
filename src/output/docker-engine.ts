/** `--load`: into the images of an engine, which is asked first: what it has is not sent. */
import { isOcibuildError } from "../errors.js";
import type { EngineStore } from "../executor/docker/engine-store.js";
import type { Abortable, BlobReader } from "../oci/blobs.js";
import { formatPlatform } from "../oci/platform.js";
import { familiarName, formatReference, nameOf, type Reference } from "../oci/reference.js";
import type { Descriptor, Image } from "../oci/types.js";
import type { BuildResult, Exporter, ExportResult } from "./exporter.js";
import { type ImageContent, imageContent } from "./image-content.js";
import { packImage } from "./oci-archive.js";
import { invalidOutput } from "./output-file.js";

/** Loads the image of one platform. `open` is called when there is something to load. */
export function dockerEngine(open: () => Promise<EngineStore>): Exporter {
  return {
    name: "loading into the engine",
    async export(result: BuildResult, blobs: BlobReader, options: Abortable = {}): Promise<ExportResult> {
      const image = result.images[0];
      if (image === undefined || result.images.length !== 1) {
        const platforms = result.images.map(({ config }) => formatPlatform(config)).join(", ");
        throw invalidOutput(
          "docker",
          `an engine takes one platform but the build is for ${platforms}`,
          "Say --platform.",
        );
      }
      await using engine = await open();
      if (!(await isThere(engine, image, result.names, options))) {
        await send(engine, { images: [image], names: result.names }, image, blobs, options);
      }
      return { descriptor: image.descriptor, names: result.names.map(formatReference), warnings: [] };
    },
  };
}

/** Whether the engine has the image already; names that it lacks are given. */
async function isThere(
  engine: EngineStore,
  image: Image,
  names: readonly Reference[],
  options: Abortable,
): Promise<boolean> {
  const ids = new Set<string>([image.manifest.config.digest, image.descriptor.digest]);
  const found = await engine.find(image.manifest.config.digest, options);
  const known = found ?? (names[0] === undefined ? undefined : await engine.find(familiarName(names[0]), options));
  if (known === undefined || !ids.has(known.id)) return false;
  for (const name of names) {
    if (ids.has((await engine.find(familiarName(name), options))?.id ?? "")) continue;
    await engine.tag(known.id, nameOf(name), name.tag ?? "latest", options);
  }
  return true;
}

async function send(
  engine: EngineStore,
  result: BuildResult,
  image: Image,
  blobs: BlobReader,
  options: Abortable,
): Promise<void> {
  const content = imageContent(result);
  const wanted = image.layers.map(({ diffId }) => diffId);
  const known = Math.max(0, ...(await engine.chains(options)).map((chain) => commonLength(chain, wanted)));
  if (known > 0) {
    try {
      await engine.load(packImage(result, without(content, image, known), blobs, options), options);
      if (await isThere(engine, image, result.names, options)) return;
    } catch (error) {
      options.signal?.throwIfAborted();
      // An engine that keeps layers in another form wants all of them.
      if (!isOcibuildError(error, "EXECUTOR_FAILED")) throw error;
    }
  }
  await engine.load(packImage(result, content, blobs, options), options);
}

/** Without the first `known` layers, unless they come again above. */
function without(content: ImageContent, { layers }: Image, known: number): ImageContent {
  const sent = new Set<Descriptor["digest"]>(layers.slice(known).map(({ descriptor }) => descriptor.digest));
  return { ...content, layers: content.layers.filter(({ digest }) => sent.has(digest)) };
}

function commonLength(chain: readonly string[], wanted: readonly string[]): number {
  let length = 0;
  while (length < wanted.length && chain[length] === wanted[length]) length++;
  return length;
}
