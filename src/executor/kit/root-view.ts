/**
 * Looks through a stack of prepared layers as overlayfs will, without mounting it: that is how mount points are resolved
 * inside the image before any program of the host touches them (X1).
 */
import { lstatSync, readlinkSync, type Stats } from "node:fs";
import type { TarEntry } from "../../tar/entry.js";
import { parentPath } from "../../tree/paths.js";
import { type ByteString, byteStringOf, fsPath } from "../../util/bytes.js";
import { type LowerFile, type LowerFiles, resolveLinks } from "./lower-files.js";
import type { PreparedLayer, RootMeta } from "./prepared-layer.js";

export interface ResolvedPath {
  /** Without symlinks on the way or at the end; no leading slash; the root is the empty string. */
  readonly path: ByteString;
  readonly stat: Stats | undefined;
}

export interface FoundFile {
  readonly stat: Stats;
  readonly layer: number;
}

const DEFAULT_ROOT: RootMeta = { mode: 0o755, uid: 0, gid: 0 };

export class RootView implements LowerFiles {
  /** Base layer first. */
  readonly layers: readonly PreparedLayer[];
  readonly #idInside: (hostId: number) => number;
  /** What directories the layers have: they do not change. */
  readonly #parents: readonly Map<ByteString, "folder" | "hidden" | undefined>[];

  /** `idInside` tells which id of the container an id of the host is. */
  constructor(layers: readonly PreparedLayer[], idInside: (hostId: number) => number) {
    this.layers = layers;
    this.#idInside = idInside;
    this.#parents = layers.map(() => new Map());
  }

  /** What `path` is; its parents must not be symlinks. `undefined` when it is not there. */
  lstat(path: ByteString): Stats | undefined {
    return this.find(path)?.stat;
  }

  /** As `lstat`, with the number of the layer that the file is of. */
  find(path: ByteString): FoundFile | undefined {
    for (let index = this.layers.length - 1; index >= 0; index--) {
      const layer = this.layers[index]!;
      const stat = this.#lstatIn(index, path);
      if (stat === "hidden") return undefined;
      if (stat !== undefined) return isWhiteout(stat) ? undefined : { stat, layer: index };
      if (hidesFromBelow(layer, path)) return undefined;
    }
    return undefined;
  }

  /** The layers whose entries of the directory `path` can be seen, by number, base layer first. */
  layersOf(path: ByteString): readonly number[] {
    const found: number[] = [];
    for (let index = this.layers.length - 1; index >= 0; index--) {
      const layer = this.layers[index]!;
      const stat = this.#lstatIn(index, path);
      if (stat === "hidden" || (stat !== undefined && !stat.isDirectory())) break;
      if (stat !== undefined) found.unshift(index);
      if (layer.opaque.has(path) || hidesFromBelow(layer, path)) break;
    }
    return found;
  }

  /** Whether a file at `path` of a layer below all others could not be seen. */
  hidesBelow(path: ByteString): boolean {
    return this.layers.some((layer, index) => this.#lstatIn(index, path) !== undefined || hidesFromBelow(layer, path));
  }

  /** `path` (absolute or relative to the root) with symlinks followed inside the root; `undefined` for endless ones. */
  resolve(path: ByteString): ResolvedPath | undefined {
    const found = resolveLinks(this, path);
    return found === undefined ? undefined : { path: found, stat: this.lstat(found) };
  }

  lookUp(path: ByteString): LowerFile | undefined {
    const stat = this.lstat(path);
    if (stat === undefined) return undefined;
    if (stat.isSymbolicLink()) return { type: "symlink", linkname: this.#readlink(path) };
    return stat.isDirectory() ? { type: "dir", ...this.#metaOf(stat) } : { type: "file" };
  }

  /** What the layers say of the top directory. */
  rootMeta(): RootMeta {
    return this.layers.findLast(({ root }) => root !== undefined)?.root ?? DEFAULT_ROOT;
  }

  /** `hidden` when a parent is no directory in this layer; a link there leads nowhere. */
  #lstatIn(index: number, path: ByteString): Stats | "hidden" | undefined {
    const parent = path === "" ? "folder" : this.#parentIn(index, parentPath(path));
    if (parent !== "folder") return parent;
    return lstatSync(placeOf(this.layers[index]!, path), { throwIfNoEntry: false });
  }

  #parentIn(index: number, path: ByteString): "folder" | "hidden" | undefined {
    const parents = this.#parents[index]!;
    if (!parents.has(path)) {
      const stat = this.#lstatIn(index, path);
      parents.set(path, typeof stat === "object" ? (stat.isDirectory() ? "folder" : "hidden") : stat);
    }
    return parents.get(path);
  }

  /** The fields of a tar entry that a directory has from `stat`. */
  #metaOf(stat: Stats): Pick<TarEntry, "mode" | "uid" | "gid" | "mtimeSeconds"> {
    return {
      mode: stat.mode & 0o7777,
      uid: this.#idInside(stat.uid),
      gid: this.#idInside(stat.gid),
      mtimeSeconds: Math.floor(stat.mtimeMs / 1000),
    };
  }

  /** The target of the symlink at `path`, verbatim. */
  #readlink(path: ByteString): ByteString {
    for (let index = this.layers.length - 1; index >= 0; index--) {
      const layer = this.layers[index]!;
      if (this.#lstatIn(index, path) !== undefined) return readLinkIn(layer, path);
    }
    return "" as ByteString;
  }
}

/** The target of a symlink of one layer, verbatim. */
function readLinkIn(layer: PreparedLayer, path: ByteString): ByteString {
  return byteStringOf(readlinkSync(placeOf(layer, path), { encoding: "buffer" }));
}

function placeOf(layer: PreparedLayer, path: ByteString): string | Buffer {
  return fsPath(`${layer.folder}/${path}` as ByteString);
}

/** Overlayfs' sign for a deleted file. */
export function isWhiteout(stat: Stats): boolean {
  return stat.isCharacterDevice() && stat.rdev === 0;
}

/** Whether the layer, which has nothing at `path`, keeps what is below from being seen there. */
function hidesFromBelow({ opaque, hidden }: PreparedLayer, path: ByteString): boolean {
  if (path === "" || (opaque.size === 0 && hidden.size === 0)) return false;
  if (hidden.has(path)) return true;
  for (let end = path.lastIndexOf("/"); end > 0; end = path.lastIndexOf("/", end - 1)) {
    const parent = path.slice(0, end) as ByteString;
    if (opaque.has(parent) || hidden.has(parent)) return true;
  }
  return opaque.has("" as ByteString);
}
