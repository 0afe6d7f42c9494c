/** One overlay of a run: its layers, mount points that the image lacks, and where it will be mounted. */
import { chmodSync, chownSync, lstatSync, mkdirSync, symlinkSync, utimesSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type ByteString, bytesOf, fsPath, textOf } from "../../util/bytes.js";
import { executorFailed } from "../kit/failures.js";
import type { IdSpace } from "../kit/id-space.js";
import type { RootMeta } from "../kit/prepared-layer.js";
import type { ResolvedPath, RootView } from "../kit/root-view.js";
import { isRoot } from "../kit/user-namespace.js";

/** Where an overlay has its own folders: below `folder`/`name`. */
export interface StackPlace {
  readonly folder: string;
  readonly name: string;
  readonly isWritable: boolean;
}

/** Makes the folders of an overlay, which are the same whatever its layers are. */
export function makeStackFolders({ folder, name, isWritable }: StackPlace): void {
  const base = join(folder, name);
  mkdirSync(base);
  for (const one of ["stubs", "layers", "root", ...(isWritable ? ["upper", "work"] : ["none"])]) {
    mkdirSync(join(base, one), { mode: 0o755 });
  }
}

export class OverlayStack {
  readonly view: RootView;
  /** Where it will be mounted, as the host sees it. */
  readonly mountedAt: ByteString;
  readonly root: RootMeta;
  readonly #folder: string;
  readonly #name: string;
  readonly #space: IdSpace;
  readonly #executor: string;
  readonly #isWritable: boolean;
  #hasTop = false;

  /** Over what `makeStackFolders` made there. */
  constructor(view: RootView, at: StackPlace, executor: string, space: IdSpace) {
    this.view = view;
    this.#folder = at.folder;
    this.#name = at.name;
    this.#isWritable = at.isWritable;
    this.#space = space;
    this.#executor = executor;
    this.root = view.rootMeta();
    const base = join(at.folder, at.name);
    view.layers.forEach(({ folder }, index) => {
      symlinkSync(fsPath(folder), join(base, "layers", String(index)));
    });
    if (at.isWritable) this.#settleRoot(join(base, "upper"));
    this.mountedAt = bytesOf(join(base, "root"));
  }

  get upper(): string {
    return join(this.#folder, this.#name, "upper");
  }

  /** The options of the mount, all paths relative to the run's folder: a page is all that mount(2) takes. */
  options(): string {
    const at = this.#name;
    // Overlayfs takes no folder twice. Where a layer comes again, it says once more all that it said below.
    const top = new Map(this.view.layers.map(({ folder }, index) => [folder, index]));
    const lower = [...top.values()].sort((a, b) => b - a).map((index) => `${at}/layers/${index}`);
    if (this.#hasTop) lower.unshift(`${at}/top`);
    lower.push(`${at}/stubs`);
    if (!this.#isWritable) lower.push(`${at}/none`);
    const writable = this.#isWritable ? [`upperdir=${at}/upper`, `workdir=${at}/work`, "volatile"] : [];
    const user = this.#space.overlay === "user" ? ["userxattr"] : [];
    return [
      `lowerdir=${lower.join(":")}`,
      ...writable,
      ...user,
      "nodev,redirect_dir=nofollow,metacopy=off,index=off,xino=off",
    ].join(",");
  }

  /** What `path` is, links followed inside. @throws EXECUTOR_FAILED */
  resolve(path: ByteString): ResolvedPath {
    let found: ResolvedPath | undefined;
    try {
      found = this.view.resolve(path);
    } catch (error) {
      throw executorFailed(this.#executor, `"${textOf(path)}" of the image cannot be looked at`, undefined, error);
    }
    if (found === undefined) {
      throw executorFailed(this.#executor, `"${textOf(path)}" leads through too many symlinks of the image`);
    }
    return found;
  }

  /** @throws EXECUTOR_FAILED when the command could not start in `cwd` */
  assertFolder(cwd: ByteString): void {
    const { stat, path } = this.resolve(cwd);
    if (path === "" || stat?.isDirectory()) return;
    const got = stat === undefined ? "nothing" : "a file";
    throw executorFailed(
      this.#executor,
      `working directory "${textOf(cwd)}" expected a directory of the image but got ${got}`,
    );
  }

  /** Sees to it that there is something to mount on at `path`, outside of the changeset; returns where it will be. */
  mountPoint(path: ByteString, kind: "dir" | "file"): ByteString {
    const { path: place, stat } = this.resolve(path);
    if (stat !== undefined) {
      if (stat.isDirectory() !== (kind === "dir")) {
        const got = stat.isDirectory() ? "a directory" : "none";
        throw executorFailed(
          this.#executor,
          `mount target "${textOf(path)}" expected a ${kind === "dir" ? "directory" : "file"} of the image but got ${got}`,
        );
      }
      return this.#host(place);
    }
    const isHidden = this.view.hidesBelow(place);
    const stubs = join(this.#folder, this.#name, isHidden ? "top" : "stubs");
    if (isHidden && !this.#hasTop) {
      mkdirSync(stubs, { mode: 0o755 });
      this.#hasTop = true;
    }
    this.#makeStub(stubs, place, kind, isHidden);
    return this.#host(place);
  }

  #makeStub(stubs: string, place: ByteString, kind: "dir" | "file", copiesParents: boolean): void {
    const names = place.split("/");
    let at = "" as ByteString;
    names.forEach((name, index) => {
      at = (at === "" ? name : `${at}/${name}`) as ByteString;
      const isLast = index === names.length - 1;
      const path = fsPath(`${stubs}/${at}` as ByteString);
      if (lstatSync(path, { throwIfNoEntry: false }) !== undefined) return;
      if (isLast && kind === "file") {
        writeFileSync(path, "", { mode: 0o644 });
        return;
      }
      const real = this.view.lstat(at);
      if (real !== undefined && !real.isDirectory()) {
        throw executorFailed(this.#executor, `mount target "/${textOf(place)}" is below "/${textOf(at)}", a file`);
      }
      mkdirSync(path, { mode: 0o755 });
      // runc gives a tmpfs the rights of what it covers.
      if (isLast) chmodSync(path, 0o1777);
      if (!copiesParents || real === undefined) return;
      if (isRoot()) chownSync(path, real.uid, real.gid);
      chmodSync(path, real.mode & 0o7777);
      utimesSync(path, real.atime, real.mtime);
    });
  }

  #host(place: ByteString): ByteString {
    return (place === "" ? this.mountedAt : `${this.mountedAt}/${place}`) as ByteString;
  }

  /** An overlay's top directory has the rights of its upper folder. */
  #settleRoot(upper: string): void {
    const { mode, uid, gid } = this.root;
    if (isRoot() && (uid !== 0 || gid !== 0)) chownSync(upper, uid, gid);
    chmodSync(upper, mode);
  }
}
