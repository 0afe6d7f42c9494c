/** Copies what a stack of prepared layers shows into a folder of its own, and sets right what in there is not as it should be. */
import { chmodSync, chownSync, mkdirSync, readdirSync, rmSync, utimesSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { joinPath, parentPath, ROOT } from "../../tree/paths.js";
import { type ByteString, bufferOf, bytesOf, compareBytes, fsPath } from "../../util/bytes.js";
import { runChild } from "../kit/child.js";
import { executorFailed } from "../kit/failures.js";
import type { PreparedLayer } from "../kit/prepared-layer.js";
import { requireProgram } from "../kit/programs.js";
import { shellWord } from "../kit/quote.js";
import type { FoundFile, RootView } from "../kit/root-view.js";
import type { ScratchFolders } from "../kit/scratch-folders.js";
import { readListedArguments, unpackArguments } from "../kit/tar-arguments.js";
import { RealFolder } from "./real-path.js";

/** What of the layers is copied, and where to. */
export interface Copied {
  readonly view: RootView;
  /** A directory in `view`, without symlinks; no leading slash. */
  readonly from: ByteString;
  /** Absolute. */
  readonly to: ByteString;
}

export class LayerCopy {
  readonly #executor: string;
  readonly #scratch: ScratchFolders;

  constructor(executor: string, scratch: ScratchFolders) {
    this.#executor = executor;
    this.#scratch = scratch;
  }

  /** Fills the empty folder `to`. @throws EXECUTOR_FAILED; the signal's reason */
  async fill(copied: Copied, signal: AbortSignal): Promise<void> {
    const { view, from, to } = copied;
    const [first, ...others] = view.layersOf(from);
    if (first !== undefined) await this.#copyAll(placeIn(view.layers[first]!, from), to, signal);
    const paths = new Set<ByteString>([ROOT]);
    for (const index of others) addTouched(paths, view.layers[index]!, copied);
    await this.repair(copied, paths, signal);
  }

  /** Copies the file at `path` of `view`, which is no directory, to `to`, where nothing is. */
  async file(view: RootView, path: ByteString, to: ByteString, signal: AbortSignal): Promise<void> {
    const { layer } = view.find(path)!;
    await this.#run([this.#copyLine(placeIn(view.layers[layer]!, path), to)], signal);
  }

  /** Copies the folder `from` of this machine into `to`, an empty one. */
  folder(from: ByteString, to: ByteString, signal: AbortSignal): Promise<void> {
    return this.#copyAll(from, to, signal);
  }

  /** Makes each of `paths` below `to` what it is in the layers. What differs must be in `paths`, its parents included. */
  async repair({ view, from, to }: Copied, paths: ReadonlySet<ByteString>, signal: AbortSignal): Promise<void> {
    const tree = new RealFolder(to);
    const wanted = new Map<ByteString, FoundFile>();
    const byLayer = new Map<number, ByteString[]>();
    const folders = new Set<ByteString>();
    for (const path of [...paths].sort(compareBytes)) {
      const found = view.find(joinPath(from, path));
      if (path !== ROOT) folders.add(parentPath(path));
      if (found !== undefined) wanted.set(path, found);
      const isFolder = found?.stat.isDirectory() === true;
      const there = tree.lstat(path);
      if (there !== undefined && path !== ROOT && !(isFolder && there.isDirectory())) {
        rmSync(tree.place(path), { recursive: true });
      }
      if (path === ROOT) folders.add(path);
      if (found === undefined) continue;
      if (isFolder) {
        folders.add(path);
        if (there?.isDirectory() !== true) mkdirSync(tree.place(path));
      }
      if (path === ROOT) continue;
      const names = byLayer.get(found.layer);
      if (names === undefined) byLayer.set(found.layer, [path]);
      else names.push(path);
    }
    for (const [layer, names] of byLayer) await this.#copyListed(placeIn(view.layers[layer]!, from), to, names, signal);
    for (const path of folders) {
      const stat = (wanted.get(path) ?? view.find(joinPath(from, path)))?.stat;
      const meta = from === ROOT && path === ROOT ? view.rootMeta() : stat;
      if (meta === undefined || !tree.isFolder(path)) continue;
      chownSync(tree.place(path), meta.uid, meta.gid);
      chmodSync(tree.place(path), meta.mode & 0o7777);
      if (stat !== undefined) utimesSync(tree.place(path), stat.atimeMs / 1000, stat.mtimeMs / 1000);
    }
  }

  #copyAll(from: ByteString, to: ByteString, signal: AbortSignal): Promise<void> {
    return this.#run([this.#copyLine(`${from}/.` as ByteString, `${to}/` as ByteString)], signal);
  }

  #copyLine(from: ByteString, to: ByteString): string {
    return `${this.#program("cp")} -a --reflink=auto -- ${shellWord(from)} ${shellWord(to)}`;
  }

  /** Hard links among `names` stay what they are. */
  async #copyListed(
    from: ByteString,
    to: ByteString,
    names: readonly ByteString[],
    signal: AbortSignal,
  ): Promise<void> {
    const folder = this.#scratch.make();
    try {
      const list = join(folder, "names");
      writeFileSync(list, bufferOf(names.map((name) => `${name}\0`).join("") as ByteString));
      const words = (args: readonly string[]): string => args.map(shellWord).join(" ");
      const read = `${this.#program("tar")} ${words(readListedArguments(from))} < ${shellWord(bytesOf(list))}`;
      const unpack = `${this.#program("tar")} ${words(unpackArguments(to))}`;
      // A pipeline ends as its last program does.
      await this.#run([`{ ${read} || echo failed >&2; } | ${unpack}`], signal);
    } finally {
      await this.#scratch.remove(folder);
    }
  }

  #program(name: string): string {
    return shellWord(requireProgram(name, this.#executor));
  }

  async #run(lines: readonly string[], signal: AbortSignal): Promise<void> {
    const input = `${["set -e", ...lines].join("\n")}\n`;
    const { code, words } = await runChild([requireProgram("sh", this.#executor), "-s"], { input, signal });
    if (code === 0 && !words.split("\n").includes("failed")) return;
    throw executorFailed(this.#executor, `copying files of the image ended with ${code}: ${words}`);
  }
}

/** Adds the paths below `to` that may differ when `layer` comes over what is there. */
export function addTouched(paths: Set<ByteString>, layer: PreparedLayer, { from, to }: Copied): void {
  const base = from === ROOT ? "" : `${from}/`;
  const inside = (path: ByteString): ByteString | undefined =>
    path.startsWith(base) ? (path.slice(base.length) as ByteString) : undefined;
  for (const path of pathsBelow(placeIn(layer, from))) paths.add(path);
  for (const hidden of layer.hidden) {
    const path = inside(hidden);
    if (path !== undefined) paths.add(path);
  }
  for (const opaque of layer.opaque) {
    const path = opaque === from ? ROOT : inside(opaque);
    if (path === undefined || !new RealFolder(to).isFolder(path)) continue;
    for (const below of pathsBelow(path === ROOT ? to : (`${to}/${path}` as ByteString)))
      paths.add(joinPath(path, below));
  }
}

function* pathsBelow(folder: ByteString, path: ByteString = ROOT): Generator<ByteString> {
  for (const entry of readdirSync(fsPath(folder), { encoding: "latin1", withFileTypes: true })) {
    const below = joinPath(path, entry.name as ByteString);
    yield below;
    if (entry.isDirectory()) yield* pathsBelow(`${folder}/${entry.name}` as ByteString, below);
  }
}

function placeIn({ folder }: PreparedLayer, path: ByteString): ByteString {
  return path === ROOT ? folder : (`${folder}/${path}` as ByteString);
}
