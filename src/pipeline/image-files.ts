/** Reads the files of a built image: what users' code asks a result for. */

import { layeredReader } from "../cache/layered-reader.js";
import { openStore } from "../cache/store.js";
import { OcibuildError } from "../errors.js";
import { LayerStore } from "../layers/layer-store.js";
import { openVerified } from "../layers/open-verified.js";
import type { Image } from "../oci/types.js";
import type { TreeNode } from "../tree/file-tree.js";
import { treePath } from "../tree/paths.js";
import { resolveInTree } from "../tree/resolve.js";
import { walkTree } from "../tree/walk.js";
import { bytesOf, textOf } from "../util/bytes.js";
import type { ImageSources } from "./image-sources.js";

/** A file, directory or other node of an image's file system. */
export interface ImageFile {
  /** Absolute. */
  readonly path: string;
  readonly type: TreeNode["type"];
  /** Permission bits, `0o0000`–`0o7777`. */
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  /** Bytes; 0 for everything but files. */
  readonly size: number;
  /** Seconds since 1970. */
  readonly mtimeSeconds: number;
  /** Target of a symlink. */
  readonly linkname: string | undefined;
}

/** All nodes of the image, parents first, names bytewise. */
export async function* imageFiles(root: string, sources: ImageSources, image: Image): AsyncGenerator<ImageFile> {
  using layers = await openLayers(root, sources, image);
  const tree = await layers.tree(diffIdsOf(image), {});
  for (const { path, node } of walkTree(tree, bytesOf(""))) {
    if (path === "") continue;
    const { type, mode, uid, gid, size, mtimeSeconds, linkname } = node;
    const target = type === "symlink" ? textOf(linkname) : undefined;
    yield { path: `/${textOf(path)}`, type, mode, uid, gid, size, mtimeSeconds, linkname: target };
  }
}

/** The bytes of the file at `path`, links followed inside the image. @throws LAYER_COPY when there is no such file */
export async function readImageFile(root: string, sources: ImageSources, image: Image, path: string): Promise<Buffer> {
  using layers = await openLayers(root, sources, image);
  const tree = await layers.tree(diffIdsOf(image), {});
  const resolved = resolveInTree(tree, treePath(bytesOf(path)));
  const node = tree.find(resolved);
  if (node?.content === undefined) {
    const got = node === undefined ? "nothing" : `a ${node.meta.type}`;
    throw new OcibuildError("LAYER_COPY", `expected a file at "${path}" of the image, but got ${got}`, {
      details: { path },
    });
  }
  await layers.prepareContents([node.content], {});
  const bytes = Buffer.alloc(node.meta.size);
  const reader = openVerified(node.content, node.meta.size);
  try {
    for (let at = 0; at < bytes.length; ) {
      const count = reader.read(bytes, at, bytes.length - at);
      if (count === 0) break;
      at += count;
    }
  } finally {
    reader.close();
  }
  return bytes;
}

async function openLayers(root: string, sources: ImageSources, image: Image): Promise<LayerStore> {
  const store = await openStore(root);
  const layers = new LayerStore(store);
  layers.register(image.layers, layeredReader([store.blobs, ...sources.readers]));
  return layers;
}

function diffIdsOf(image: Image): readonly Image["layers"][number]["diffId"][] {
  return image.layers.map(({ diffId }) => diffId);
}
