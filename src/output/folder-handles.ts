/**
 * Names files below a folder so that nobody can put a symlink in the way between a look and a touch (threat U4): directories
 * are opened one below the other, never through a link, and files are named from the directory's handle.
 */
import { closeSync, constants, existsSync, openSync } from "node:fs";
import type { ByteString } from "../util/bytes.js";
import { fsPath } from "../util/bytes.js";

/** Linux: a handle that names a folder, which needs no right to read it. */
const O_PATH = 0x200000;
const OPEN_FOLDER = constants.O_RDONLY | (constants.O_DIRECTORY ?? 0) | (constants.O_NOFOLLOW ?? 0);
/** Where a handle can be named as a folder. Only Linux has it; elsewhere names start at the root's path. */
const HANDLES = "/proc/self/fd";

/** Handles kept open: so many levels from the root, and the deepest one. */
const MAX_LEVELS = 64;
const CLOSED = -1;

interface OpenFolder {
  readonly name: string;
  fd: number;
}

export class FolderHandles implements Disposable {
  readonly #root: ByteString;
  /** From the root down to the folder that was asked for last. Empty where handles cannot be named. */
  readonly #chain: OpenFolder[] = [];

  /** `root` may itself be reached through links. */
  constructor(root: ByteString) {
    this.#root = root;
    if (existsSync(HANDLES)) {
      this.#chain.push({ name: "", fd: openSync(fsPath(root), O_PATH | constants.O_DIRECTORY) });
    }
  }

  /**
   * A path for `path` that is good until the next call. Its directories must be there.
   * @throws errors of the file system: ELOOP or ENOTDIR when a directory is a link now
   */
  at(path: ByteString): string | Buffer {
    if (this.#chain.length === 0) return fsPath(`${this.#root}/${path}` as ByteString);
    const names = path.split("/");
    const base = names.pop()!;
    let depth = 0;
    while (depth < names.length && this.#chain[depth + 1]?.name === names[depth]) depth++;
    this.#shorten(depth + 1);
    for (const name of names.slice(this.#chain.length - 1)) {
      const above = this.#chain.at(-1)!;
      this.#chain.push({ name, fd: openSync(this.#below(name), O_PATH | OPEN_FOLDER) });
      if (this.#chain.length <= MAX_LEVELS) continue;
      closeSync(above.fd);
      above.fd = CLOSED;
    }
    return this.#below(base);
  }

  /** An open handle of the directory `path` itself; the caller closes it. */
  openFolder(path: ByteString): number {
    return openSync(this.at(path), OPEN_FOLDER);
  }

  [Symbol.dispose](): void {
    this.#shorten(0);
  }

  /** To `length` folders or fewer, the last of them open. */
  #shorten(length: number): void {
    for (const { fd } of this.#chain.splice(length)) if (fd !== CLOSED) closeSync(fd);
    while (this.#chain.at(-1)?.fd === CLOSED) this.#chain.pop();
  }

  #below(name: string): string | Buffer {
    return fsPath(`${HANDLES}/${this.#chain.at(-1)!.fd}/${name}` as ByteString);
  }
}
