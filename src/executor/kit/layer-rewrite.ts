/**
 * An OCI layer → the tar that GNU tar turns into a lower folder of an overlay.
 *
 * What comes out can be unpacked into an empty folder by anybody: every parent is a directory that was written before, so
 * nothing is ever written through a link (U1, U2), hard links lead to files of the same layer (U3), devices and overlayfs'
 * own attributes are gone (U7, U8), whiteouts come last and are overlayfs' (U6).
 */
import { OcibuildError } from "../../errors.js";
import type { TarEntry } from "../../tar/entry.js";
import { type ByteString, textOf } from "../../util/bytes.js";
import type { IdSpace } from "./id-space.js";
import type { LowerFiles } from "./lower-files.js";
import type { RootMeta } from "./prepared-layer.js";
import { entryOf } from "./tar-parts.js";
import type { TarOutput, TarRewrite } from "./tar-rewriter.js";
import { imageXattrs } from "./xattrs.js";

export interface LayerRewriteOptions {
  /**
   * Which attributes the overlay will look at; `none`: whiteouts come out in `hidden` and `opaque` alone; `oci`: also as
   * layers have them, for who applies those itself.
   */
  readonly overlay: IdSpace["overlay"] | "oci";
  /** `root`: everything belongs to 0. */
  readonly ids: "all" | "root";
  /** Highest id that there is. */
  readonly maxId: number;
  /** The layers below, for what a layer leaves out: parents, and links among them. */
  readonly lower: LowerFiles;
  /** Whether names are names, also those that delete something in a layer. */
  readonly isPlain?: boolean;
}

const WHITEOUT = ".wh.";
const OPAQUE = ".wh..wh..opq";
const MAX_LINKS = 40;
/** ext4 allows 65,000 names of a file. */
const MAX_NAMES = 30_000;
const EMPTY = "" as ByteString;

export class LayerRewrite implements TarRewrite {
  readonly #options: LayerRewriteOptions;
  /** What came, by path: directories and symlinks in full, `file` for the rest. */
  readonly #seen = new Map<ByteString, TarEntry | "file">();
  /** Directories in which files may be written. */
  readonly #folders = new Set<ByteString>([EMPTY]);
  readonly #whiteouts = new Set<ByteString>();
  readonly opaque: Set<ByteString> = new Set();
  /** Deleted paths that no device stands for. */
  readonly hidden: Set<ByteString> = new Set();
  root: RootMeta | undefined;
  /** Whether what came out depends on the layers below. */
  isDependent = false;

  constructor(options: LayerRewriteOptions) {
    this.#options = options;
  }

  entry(entry: TarEntry, output: TarOutput): void {
    const { path, type } = entry;
    if (path === "") {
      const own = this.#owned(entry);
      this.root = { mode: own.mode, uid: own.uid, gid: own.gid };
      this.#seen.set(EMPTY, own);
      output.emit(own);
      return;
    }
    const slash = path.lastIndexOf("/");
    const name = path.slice(slash + 1) as ByteString;
    const above = path.slice(0, Math.max(0, slash)) as ByteString;
    const parent = this.#folder(above, path, output);
    if (name.startsWith(WHITEOUT) && this.#options.isPlain !== true) {
      this.#whiteout(parent, name, path);
      return;
    }
    if (type === "char" || type === "block") return;
    const place = parent === above ? path : join(parent, name);
    const before = this.#seen.get(place);
    if (before !== undefined && (type === "dir") !== this.#folders.has(place)) this.#forget(place);
    const owned = this.#owned(entry);
    const own = place === path ? owned : { ...owned, path: place };
    if (type === "dir") {
      this.#folders.add(place);
      this.#seen.set(place, own);
      output.emit(own);
      return;
    }
    this.#seen.set(place, type === "symlink" ? own : "file");
    if (type !== "hardlink") {
      output.emit(own);
      if (entry.size > 0) output.keepContent();
      return;
    }
    const target = this.#target(entry, output);
    if (target !== place) output.emit({ ...own, linkname: target, xattrs: undefined });
  }

  end(output: TarOutput): void {
    const { overlay } = this.#options;
    let first: ByteString | undefined;
    let names = 0;
    for (const path of this.#whiteouts) {
      // The file of the same layer is what stays.
      if (this.#folders.has(path)) this.opaque.add(path);
      if (this.#seen.has(path)) continue;
      if (overlay === "none" || overlay === "oci") {
        this.hidden.add(path);
        continue;
      }
      const isLink = first !== undefined && names < MAX_NAMES;
      output.emit(specialEntry(path, isLink ? "hardlink" : "char", isLink ? first! : EMPTY));
      if (!isLink) [first, names] = [path, 0];
      names++;
    }
    if (overlay === "none") return;
    if (overlay === "oci") {
      this.#endAsLayer(output);
      return;
    }
    for (const path of this.opaque) {
      const entry = this.#seen.get(path);
      if (path === "" || entry === undefined || entry === "file") continue;
      const name = `${overlay}.overlay.opaque` as ByteString;
      output.emit({ ...entry, xattrs: new Map([...(entry.xattrs ?? []), [name, Buffer.from("y")]]) });
    }
  }

  #endAsLayer(output: TarOutput): void {
    for (const path of this.hidden) {
      const at = path.lastIndexOf("/") + 1;
      output.emit(specialEntry(`${path.slice(0, at)}${WHITEOUT}${path.slice(at)}` as ByteString, "file", EMPTY));
    }
    for (const path of this.opaque) {
      if (this.#folders.has(path)) output.emit(specialEntry(join(path, OPAQUE as ByteString), "file", EMPTY));
    }
  }

  /** The directory `path` with links followed inside the image; made as the layers below have it where it did not come. */
  #folder(path: ByteString, of: ByteString, output: TarOutput): ByteString {
    if (this.#folders.has(path)) return path;
    const todo = path.split("/").reverse();
    let at = EMPTY;
    let links = 0;
    while (todo.length > 0) {
      const name = todo.pop() as ByteString;
      if (name === "" || name === ".") continue;
      if (name === "..") {
        at = at.slice(0, Math.max(0, at.lastIndexOf("/"))) as ByteString;
        continue;
      }
      const next = join(at, name);
      const link = this.#folders.has(next) ? undefined : this.#enter(next, of, output);
      if (link === undefined) {
        at = next;
        continue;
      }
      if (++links > MAX_LINKS) throw invalid(of, "leads through too many links");
      if (link.startsWith("/")) at = EMPTY;
      todo.push(...link.split("/").reverse());
    }
    return at;
  }

  /** Makes the directory `path`, or tells where the link that is there leads. */
  #enter(path: ByteString, of: ByteString, output: TarOutput): ByteString | undefined {
    const seen = this.#seen.get(path);
    if (seen !== undefined) {
      if (seen !== "file" && seen.type === "symlink") return seen.linkname;
      throw invalid(of, `is below "/${textOf(path)}", which is no directory`);
    }
    const { lower } = this.#options;
    const below = lower.lookUp(path);
    if (below !== undefined) this.isDependent = true;
    if (below?.type === "symlink") return below.linkname;
    const meta = below?.type === "dir" ? below : {};
    const made: TarEntry = { ...specialEntry(path, "dir", EMPTY), mode: 0o755, ...meta };
    this.#folders.add(path);
    this.#seen.set(path, made);
    output.emit(made);
    return undefined;
  }

  #whiteout(parent: ByteString, name: ByteString, path: ByteString): void {
    if (name === OPAQUE) {
      this.opaque.add(parent);
      return;
    }
    if (name.startsWith(WHITEOUT + WHITEOUT)) return;
    const hidden = name.slice(WHITEOUT.length) as ByteString;
    if (hidden === "" || hidden === "." || hidden === "..") throw invalid(path, "is a whiteout that names no file");
    this.#whiteouts.add(join(parent, hidden));
  }

  #target(entry: TarEntry, output: TarOutput): ByteString {
    const slash = entry.linkname.lastIndexOf("/");
    const parent = this.#folder(entry.linkname.slice(0, Math.max(0, slash)) as ByteString, entry.path, output);
    const target = join(parent, entry.linkname.slice(slash + 1) as ByteString);
    const seen = this.#seen.get(target);
    if (seen === undefined || this.#folders.has(target)) {
      throw invalid(entry.path, `is a hard link to "/${textOf(target)}", which is no file of its layer`);
    }
    return target;
  }

  #owned(entry: TarEntry): TarEntry {
    const { overlay, ids, maxId } = this.#options;
    if (ids === "all" && (entry.uid > maxId || entry.gid > maxId)) {
      throw invalid(entry.path, `belongs to ${entry.uid}:${entry.gid}, but ids end at ${maxId} here`);
    }
    // Most entries are passed on as they came.
    if (ids === "all" && entry.xattrs === undefined) return entry;
    const owner = ids === "root" ? { uid: 0, gid: 0 } : {};
    return { ...entry, ...owner, xattrs: imageXattrs(entry.xattrs, overlay === "trusted") };
  }

  /** A file takes the place of a directory, or the other way round. */
  #forget(place: ByteString): void {
    const below = `${place}/`;
    for (const paths of [this.#seen, this.#folders, this.opaque] as const) {
      for (const path of paths.keys()) if (path === place || path.startsWith(below)) paths.delete(path);
    }
    // What is deleted below a directory that is none any more would be deleted wherever a link in its place leads.
    for (const path of this.#whiteouts) if (path.startsWith(below)) this.#whiteouts.delete(path);
  }
}

function join(parent: ByteString, name: ByteString): ByteString {
  return (parent === "" ? name : `${parent}/${name}`) as ByteString;
}

function specialEntry(path: ByteString, type: TarEntry["type"], linkname: ByteString): TarEntry {
  return entryOf({ path, type, linkname, mode: 0o600 });
}

function invalid(path: ByteString, fault: string): OcibuildError {
  return new OcibuildError("LAYER_INVALID", `layer entry "/${textOf(path)}" ${fault}`, {
    details: { path: textOf(path) },
  });
}
