/**
 * Mount points that the image lacks, as one more layer: engines and builders would make them in the container, where
 * they would be what the command changed (L4).
 */
import type { TarEntry } from "../../tar/entry.js";
import { type ByteString, textOf } from "../../util/bytes.js";
import { executorFailed } from "./failures.js";
import type { IndexView } from "./layer-index.js";
import { END, type EngineLayer, entryOf, header, memoryLayer } from "./tar-parts.js";

export class StubLayer {
  readonly #view: IndexView;
  readonly #entries = new Map<ByteString, TarEntry>();

  readonly #executor: string;

  constructor(view: IndexView, executor: string) {
    this.#view = view;
    this.#executor = executor;
  }

  /** Sees to it that there is a `kind` at `path`, which has no symlinks. @throws EXECUTOR_FAILED when something else is */
  add(path: ByteString, kind: "dir" | "file", mode?: number): void {
    const found = this.#view.lookUp(path) ?? this.#entries.get(path);
    if (found !== undefined) {
      if ((found.type === "dir") === (kind === "dir")) return;
      const [want, got] = kind === "dir" ? ["a directory", "none"] : ["a file", "a directory"];
      throw executorFailed(
        this.#executor,
        `mount target "/${textOf(path)}" expected ${want} of the image but got ${got}`,
      );
    }
    this.#parents(path);
    this.#entries.set(path, entryOf({ path, type: kind, ...(mode === undefined ? {} : { mode }) }));
  }

  /** A symlink, where nothing is. */
  addLink(path: ByteString, linkname: string): void {
    if (this.#view.lookUp(path) !== undefined) return;
    this.#parents(path);
    this.#entries.set(path, entryOf({ path, type: "symlink", mode: 0o777, linkname: linkname as ByteString }));
  }

  /** `layers`, and where something is missing one more above them. */
  above(layers: readonly EngineLayer[]): readonly EngineLayer[] {
    const layer = this.#layer();
    return layer === undefined ? layers : [...layers, layer];
  }

  #layer(): EngineLayer | undefined {
    if (this.#entries.size === 0) return undefined;
    const sorted = [...this.#entries.values()].sort((a, b) => (a.path < b.path ? -1 : 1));
    return memoryLayer(Buffer.concat([...sorted.map(header), END]));
  }

  /** The folders on the way; those that the image has stay as they are. */
  #parents(path: ByteString): void {
    for (let end = path.indexOf("/"); end !== -1; end = path.indexOf("/", end + 1)) {
      const parent = path.slice(0, end) as ByteString;
      if (this.#entries.has(parent)) continue;
      const found = this.#view.lookUp(parent);
      if (found !== undefined && found.type !== "dir") {
        throw executorFailed(this.#executor, `mount target "/${textOf(path)}" is below "/${textOf(parent)}", a file`);
      }
      this.#entries.set(parent, entryOf({ ...found, path: parent, type: "dir" }));
    }
  }
}
