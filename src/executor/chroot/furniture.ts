/**
 * What stands in the tree while a command runs and is no part of the image: /dev, hosts, what mounts would show. All of
 * it is known, left out of what changed, and taken out again, and what was in its place is put back.
 */
import { chmodSync, closeSync, mkdirSync, openSync, renameSync, rmdirSync, type Stats, utimesSync } from "node:fs";
import { join } from "node:path";
import { joinPath, parentPath, ROOT } from "../../tree/paths.js";
import { type ByteString, textOf } from "../../util/bytes.js";
import { executorFailed, executorUnsupported } from "../kit/failures.js";
import { RootView } from "../kit/root-view.js";
import { RealFolder } from "./real-path.js";
import type { TreeList } from "./tree-list.js";

/** Makes the piece at `place`, where nothing is. */
type MakePiece = (place: ByteString) => void | Promise<void>;

interface Piece {
  readonly path: ByteString;
  /** Of the directory it is in. */
  readonly parentIno: number;
  /** What was there before, as a file of the run's folder. */
  readonly aside: string | undefined;
  /** Moves the piece to where it belongs; without it, it is thrown away. */
  readonly takeOut: ((place: string | Buffer) => void) | undefined;
  ino: number | undefined;
}

const PATH_ONLY = 0o10000000;
const NO_FOLLOW = 0o400000;

export class Furniture {
  /** Directories that were made so that a piece has something to stand in. */
  readonly stubs: Set<ByteString> = new Set();
  /** What was there before and could not be put back: the command has done something to the directory it was in. */
  readonly lost: ByteString[] = [];
  readonly #executor: string;
  readonly #folder: string;
  readonly #tree: RealFolder;
  readonly #pieces: Piece[] = [];
  readonly #places = new Set<ByteString>();
  /** Kept open, so that no file of the command gets the number of a piece that it deleted. */
  readonly #open: number[] = [];
  readonly #inos = new Set<number>();
  readonly #touched = new Set<ByteString>();
  #outCount = 0;

  /** `folder` is the run's own, on the file system of the tree at `root`. */
  constructor(executor: string, folder: string, root: ByteString) {
    this.#executor = executor;
    this.#folder = folder;
    this.#tree = new RealFolder(root);
    for (const name of ["aside", "out"]) mkdirSync(join(folder, name), { mode: 0o700 });
  }

  /** Where `target` leads inside the tree, without symlinks. @throws EXECUTOR_FAILED */
  resolve(target: ByteString): { readonly path: ByteString; readonly stat: Stats | undefined } {
    const layer = { folder: this.#tree.root, opaque: new Set<never>(), hidden: new Set<never>(), root: undefined };
    const found = new RootView([layer], (id) => id).resolve(target);
    if (found !== undefined) return found;
    throw executorFailed(this.#executor, `"${textOf(target)}" leads through too many symlinks of the image`);
  }

  /** Puts a piece at `target`, in the place of what is there. @throws EXECUTOR_FAILED, EXECUTOR_UNSUPPORTED */
  async put(target: ByteString, kind: "dir" | "file", make: MakePiece, takeOut?: Piece["takeOut"]): Promise<void> {
    const { path, stat } = this.resolve(target);
    if (path === ROOT) throw executorUnsupported(this.#executor, "mount on /", `nothing can be mounted on "/"`);
    if (stat !== undefined && stat.isDirectory() !== (kind === "dir")) {
      const [wanted, got] = kind === "dir" ? ["directory", "none"] : ["file", "a directory"];
      throw executorFailed(
        this.#executor,
        `mount target "${textOf(target)}" expected a ${wanted} of the image but got ${got}`,
      );
    }
    const parent = parentPath(path);
    const outer = this.#innermost(parent, path);
    const times = this.#tree.lstat(outer)!;
    this.#makeParents(parent, outer);
    const aside = stat === undefined ? undefined : join(this.#folder, "aside", String(this.#pieces.length));
    const piece: Piece = { path, parentIno: this.#tree.lstat(parent)!.ino, aside, takeOut, ino: undefined };
    if (aside !== undefined) renameSync(this.#tree.place(path), aside);
    this.#pieces.push(piece);
    this.#places.add(path);
    await make(joinPath(this.#tree.root, path));
    const fd = openSync(this.#tree.place(path), PATH_ONLY | NO_FOLLOW);
    this.#open.push(fd);
    piece.ino = this.#tree.lstat(path)!.ino;
    this.#inos.add(piece.ino);
    this.#touched.add(outer);
    utimesSync(this.#tree.place(outer), times.atimeMs / 1000, times.mtimeMs / 1000);
  }

  /** Whether a file of the tree is a piece, wherever the command may have put it. */
  has(path: ByteString, { ino }: Stats): boolean {
    return this.#places.has(path) || this.#inos.has(ino);
  }

  /**
   * Takes everything out. No process of the command may run any more.
   * @param after how the command left the tree: directories get these times back
   * @param dirty what the command has changed: stubs among them stay
   */
  takeOut(after?: TreeList, dirty?: ReadonlySet<ByteString>): void {
    const kept = [...this.stubs].filter((path) => dirty?.has(path));
    for (const piece of this.#pieces.splice(0).reverse()) this.#takeOutPiece(piece);
    for (const stub of [...this.stubs].reverse()) {
      if (kept.includes(stub) || !this.#tree.isFolder(stub)) continue;
      try {
        rmdirSync(this.#tree.place(stub));
      } catch {
        // The command has put something there that is left out of the image.
      }
    }
    for (const path of [...this.#touched, ...kept]) {
      const file = after?.get(path);
      if (file === undefined || !this.#tree.isFolder(path)) continue;
      utimesSync(this.#tree.place(path), file.mtimeMs / 1000, file.mtimeMs / 1000);
    }
    for (const fd of this.#open.splice(0)) closeSync(fd);
  }

  #takeOutPiece({ path, parentIno, aside, takeOut, ino }: Piece): void {
    const parent = this.#tree.lstat(parentPath(path));
    if (parent?.isDirectory() !== true || parent.ino !== parentIno) {
      if (aside !== undefined) this.lost.push(path);
      return;
    }
    const there = this.#tree.lstat(path);
    const place = this.#tree.place(path);
    if (there !== undefined) {
      if (takeOut !== undefined && there.ino === ino) takeOut(place);
      else renameSync(place, join(this.#folder, "out", String(this.#outCount++)));
    }
    if (aside !== undefined) renameSync(aside, place);
  }

  /** The innermost directory on the way to `path` that is there. */
  #innermost(path: ByteString, of: ByteString): ByteString {
    const stat = this.#tree.lstat(path);
    if (stat?.isDirectory() === true) return path;
    if (stat === undefined) return this.#innermost(parentPath(path), of);
    throw executorFailed(this.#executor, `mount target "/${textOf(of)}" is below "/${textOf(path)}", a file`);
  }

  /** Makes the directories from below `outer` down to `path`. */
  #makeParents(path: ByteString, outer: ByteString): void {
    if (path === outer) return;
    this.#makeParents(parentPath(path), outer);
    mkdirSync(this.#tree.place(path));
    chmodSync(this.#tree.place(path), 0o755);
    this.stubs.add(path);
  }
}
