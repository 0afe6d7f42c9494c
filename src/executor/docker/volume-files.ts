/** Files of layers in a volume, for bind mounts and new caches: an engine elsewhere cannot see ours. */
import type { Platform } from "../../oci/types.js";
import type { TarEntry } from "../../tar/entry.js";
import { type ByteString, textOf } from "../../util/bytes.js";
import type { RootFiles, RunIO } from "../contract.js";
import { executorUnsupported } from "../kit/failures.js";
import type { IndexView } from "../kit/layer-index.js";
import { sourcePlace } from "../kit/mount-places.js";
import type { RootLayers } from "../kit/root-layers.js";
import { entryOf } from "../kit/tar-parts.js";
import { rewriteTar, type TarOutput, type TarRewrite } from "../kit/tar-rewriter.js";
import { DOCKER } from "./engine.js";
import type { EngineImages } from "./engine-images.js";
import { HELPER_MOUNT, type Helpers } from "./helper.js";
import { removeVolume } from "./removal.js";
import { type EngineVolume, VolumeSchema } from "./schemas.js";

/** Where the files are in a volume: its top folder is the engine's, with an owner and mode of its own. */
export const CONTENT = "m" as ByteString;

export interface VolumeFiles {
  /** Of a file or folder. */
  readonly source: RootFiles;
  readonly path: string;
  /** Replaces what the source says of the top folder. */
  readonly top?: Pick<TarEntry, "mode" | "uid" | "gid">;
  /** Folders and files to mount on, relative to the top, made where they are missing. */
  readonly stubs?: readonly { readonly path: ByteString; readonly kind: "dir" | "file" }[];
}

export class FileVolumes {
  readonly #helpers: Helpers;
  readonly #images: EngineImages;
  readonly #roots: RootLayers;
  readonly #isPodman: boolean;

  constructor(helpers: Helpers, images: EngineImages, roots: RootLayers, isPodman: boolean) {
    this.#isPodman = isPodman;
    this.#helpers = helpers;
    this.#images = images;
    this.#roots = roots;
  }

  /** Makes a volume, unless it is there; returns its path on the engine's machine. */
  async make(
    name: string,
    labels: Readonly<Record<string, string>>,
    signal: AbortSignal,
    options: Readonly<Record<string, string>> = {},
  ): Promise<string> {
    return (await this.ensure(name, labels, signal, options)).Mountpoint;
  }

  /** Makes a volume, unless it is there; returns the one that is there, with the labels that it was made with. */
  ensure(
    name: string,
    labels: Readonly<Record<string, string>>,
    signal: AbortSignal,
    options: Readonly<Record<string, string>> = {},
  ): Promise<EngineVolume> {
    const json = { Name: name, Driver: "local", Labels: labels, DriverOpts: options };
    return this.#helpers.engine.json({ method: "POST", path: "/volumes/create", json, signal }, VolumeSchema);
  }

  remove(name: string): Promise<void> {
    return removeVolume(this.#helpers.engine, name);
  }

  /** What `files` is: a file or a folder. @throws EXECUTOR_FAILED when it is not there */
  async kindOf({ source, path }: VolumeFiles, io: RunIO): Promise<"dir" | "file"> {
    const { view } = await this.#roots.prepare(source, io);
    return view.lookUp(sourcePlace(view, path, DOCKER))?.type === "file" ? "file" : "dir";
  }

  /** Puts the files into the volume `name` as `CONTENT`, and an empty file `mark` after them. */
  async fill(name: string, files: VolumeFiles, platform: Platform, io: RunIO, mark?: ByteString): Promise<void> {
    const { signal } = io;
    const { view, layers } = await this.#roots.prepare(files.source, io);
    const from = sourcePlace(view, files.path, DOCKER);
    const part = { view, from, files, mark };
    const [layer] = layers;
    if (files.source.layers.length < 2) {
      // Most build contexts are one layer: nobody has to merge it.
      await this.put(name, rewriteTar(layer!.open(), moved(part, true)), signal);
      return;
    }
    const image = await this.#images.ensure(layers, platform, signal);
    await this.#roots.release(layers);
    await this.#helpers.with({ image, signal }, async (id) => {
      const { engine } = this.#helpers;
      if (this.#isPodman) {
        // Its archives say that everything belongs to one user.
        const whole = engine.stream({ method: "GET", path: `/containers/${id}/export`, signal });
        await this.put(name, rewriteTar(whole, moved(part, true)), signal);
        return;
      }
      const query = { path: `/${textOf(from)}${view.lookUp(from)?.type === "file" ? "" : "/."}` };
      const below = engine.stream({ method: "GET", path: `/containers/${id}/archive`, query, signal });
      await this.put(name, rewriteTar(below, moved(part, false)), signal);
    });
  }

  /** Unpacks a tar into a volume. */
  put(name: string, tar: Buffer | AsyncIterable<Buffer>, signal: AbortSignal): Promise<void> {
    const mount = { type: "volume", source: name, readOnly: false } as const;
    return this.#helpers.with({ mount, signal }, async (id) => {
      const path = `/containers/${id}/archive`;
      await this.#helpers.engine.done({ method: "PUT", path, query: { path: HELPER_MOUNT }, tar, signal });
    });
  }
}

interface Part {
  readonly view: IndexView;
  /** A file or folder of `view`. */
  readonly from: ByteString;
  readonly files: VolumeFiles;
  readonly mark: ByteString | undefined;
}

/** A tar with the files of `view`, or (unless `isWhole`) with those below `from` → what goes into the volume. */
function moved({ view, from, files, mark }: Part, isWhole: boolean): TarRewrite {
  const isFile = view.lookUp(from)?.type === "file";
  let hasTop = isFile;
  const top = (output: TarOutput): void => {
    if (!hasTop) output.emit(topEntry(view, from, files));
    hasTop = true;
  };
  const moveIn = (path: ByteString): ByteString | undefined => {
    if (isFile) return !isWhole || path === from ? CONTENT : undefined;
    if (!isWhole || from === "") return path === "" ? undefined : (`${CONTENT}/${path}` as ByteString);
    return path.startsWith(`${from}/`) ? ((CONTENT + path.slice(from.length)) as ByteString) : undefined;
  };
  const inView = (path: ByteString): ByteString => (isWhole || from === "" ? path : (`${from}/${path}` as ByteString));
  return {
    entry(entry, output) {
      top(output);
      const path = moveIn(entry.path);
      // What the engine puts into every container (/dev, /etc/hosts) is not the image's.
      if (path === undefined || (!isFile && view.lookUp(inView(entry.path)) === undefined)) return;
      let { linkname } = entry;
      if (entry.type === "hardlink") {
        const target = moveIn(linkname);
        if (target === undefined || isFile) {
          const message = `mount source "${files.path}" has a hard link, "/${textOf(entry.path)}", to a file outside of it`;
          throw executorUnsupported(DOCKER, "a hard link out of a mount", message, "Mount a folder that has both.");
        }
        linkname = target;
      }
      output.emit({ ...entry, path, linkname });
      if (entry.size > 0) output.keepContent();
    },
    end(output) {
      top(output);
      for (const { path, kind } of files.stubs ?? []) stub(view, from, path, kind, (entry) => output.emit(entry));
      if (mark !== undefined) output.emit(entryOf({ path: mark }));
    },
  };
}

function topEntry(view: IndexView, from: ByteString, { top }: VolumeFiles): TarEntry {
  const found = view.lookUp(from);
  const meta = found?.type === "dir" ? found : {};
  return entryOf({ ...meta, ...top, type: "dir", path: CONTENT });
}

/** The mount point `path` and the folders on the way, where the source lacks them. */
function stub(
  view: IndexView,
  from: ByteString,
  path: ByteString,
  kind: "dir" | "file",
  emit: (entry: TarEntry) => void,
): void {
  const names = path.split("/");
  for (let end = 1; end <= names.length; end++) {
    const at = names.slice(0, end).join("/");
    if (view.lookUp((from === "" ? at : `${from}/${at}`) as ByteString) !== undefined) continue;
    const type = end === names.length ? kind : "dir";
    emit(entryOf({ path: `${CONTENT}/${at}` as ByteString, type }));
  }
}
