/** What is in a layer, as far as mount points and later layers ask: the engine has the files, we keep their names. */
import type { DiffId } from "../../oci/digest.js";
import type { TarEntry, Xattrs } from "../../tar/entry.js";
import type { ByteString } from "../../util/bytes.js";
import { type LowerFile, type LowerFiles, resolveLinks } from "./lower-files.js";

export interface LayerIndex {
  /** Of the tar that the engine gets. */
  readonly diffId: DiffId;
  readonly sizeBytes: number;
  readonly files: ReadonlyMap<ByteString, LowerFile>;
  /** What the layer takes away of those below. */
  readonly hidden: ReadonlySet<ByteString>;
  /** Directories of which nothing below is seen. */
  readonly opaque: ReadonlySet<ByteString>;
}

const FILE: LowerFile = { type: "file" };

/** Remembers what it is told of. */
export class IndexBuilder {
  readonly files: Map<ByteString, LowerFile> = new Map();
  /** How often each path came that came more than once. */
  readonly repeated: Map<ByteString, number> = new Map();
  readonly #paths = new Set<ByteString>();

  add(entry: TarEntry): void {
    if (this.#paths.has(entry.path)) this.repeated.set(entry.path, (this.repeated.get(entry.path) ?? 1) + 1);
    this.#paths.add(entry.path);
    const name = entry.path.slice(entry.path.lastIndexOf("/") + 1);
    if (name.startsWith(".wh.")) return;
    this.files.set(entry.path, lowerFileOf(entry));
  }
}

function lowerFileOf({ type, mode, uid, gid, mtimeSeconds, linkname, xattrs }: TarEntry): LowerFile {
  if (type === "symlink") return { type, linkname };
  if (type !== "dir") return FILE;
  return { type, mode, uid, gid, mtimeSeconds, ...(xattrs === undefined ? {} : { xattrs }) };
}

/** The layers of an image, base layer first, looked through from above. */
export class IndexView implements LowerFiles {
  readonly layers: readonly LayerIndex[];

  constructor(layers: readonly LayerIndex[]) {
    this.layers = layers;
  }

  lookUp(path: ByteString): LowerFile | undefined {
    for (let index = this.layers.length - 1; index >= 0; index--) {
      const layer = this.layers[index]!;
      const found = layer.files.get(path);
      if (found !== undefined) return found;
      if (hides(layer, path)) return undefined;
    }
    return undefined;
  }

  resolve(path: ByteString): ByteString | undefined {
    return resolveLinks(this, path);
  }
}

/** Whether what layers below have at `path` cannot be seen. */
function hides({ files, hidden, opaque }: LayerIndex, path: ByteString): boolean {
  if (hidden.has(path)) return true;
  if (path === "") return false;
  for (let end = path.lastIndexOf("/"); end > 0; end = path.lastIndexOf("/", end - 1)) {
    const parent = path.slice(0, end) as ByteString;
    if (hidden.has(parent) || opaque.has(parent)) return true;
    const found = files.get(parent);
    if (found !== undefined && found.type !== "dir") return true;
  }
  return opaque.has("" as ByteString);
}

/** Changes when what is stored does. */
const FORMAT = 1;

type StoredFile =
  | readonly [path: string]
  | readonly [path: string, linkname: string]
  | readonly [path: string, mode: number, uid: number, gid: number, mtimeSeconds: number, xattrs?: StoredXattrs];
type StoredXattrs = readonly (readonly [name: string, base64: string])[];

interface StoredIndex {
  readonly format: number;
  readonly diffId: string;
  readonly sizeBytes: number;
  readonly files: readonly StoredFile[];
  readonly hidden: readonly string[];
  readonly opaque: readonly string[];
}

/** One character for each byte of a name. */
export function encodeIndex(index: LayerIndex): string {
  const stored: StoredIndex = {
    format: FORMAT,
    diffId: index.diffId,
    sizeBytes: index.sizeBytes,
    files: [...index.files].map(([path, file]) => storedFile(path, file)),
    hidden: [...index.hidden],
    opaque: [...index.opaque],
  };
  return JSON.stringify(stored);
}

/** `undefined` for what another version, or nobody, has written. */
export function decodeIndex(text: string): LayerIndex | undefined {
  let stored: StoredIndex;
  try {
    stored = JSON.parse(text) as StoredIndex;
    if (stored.format !== FORMAT) return undefined;
    return {
      diffId: stored.diffId as DiffId,
      sizeBytes: stored.sizeBytes,
      files: new Map(stored.files.map((file) => [file[0] as ByteString, readFile(file)])),
      hidden: new Set(stored.hidden as ByteString[]),
      opaque: new Set(stored.opaque as ByteString[]),
    };
  } catch {
    return undefined;
  }
}

function storedFile(path: string, file: LowerFile): StoredFile {
  if (file.type === "file") return [path];
  if (file.type === "symlink") return [path, file.linkname];
  const { mode, uid, gid, mtimeSeconds, xattrs } = file;
  if (xattrs === undefined) return [path, mode, uid, gid, mtimeSeconds];
  return [path, mode, uid, gid, mtimeSeconds, [...xattrs].map(([name, value]) => [name, value.toString("base64")])];
}

function readFile(stored: StoredFile): LowerFile {
  if (stored.length === 1) return FILE;
  if (stored.length === 2) return { type: "symlink", linkname: stored[1] as ByteString };
  const [, mode, uid, gid, mtimeSeconds, xattrs] = stored;
  const meta = { type: "dir", mode, uid, gid, mtimeSeconds } as const;
  if (xattrs === undefined) return meta;
  const map: Xattrs = new Map(xattrs.map(([name, value]) => [name as ByteString, Buffer.from(value, "base64")]));
  return { ...meta, xattrs: map };
}
