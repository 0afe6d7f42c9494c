import { mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { expect, test } from "vitest";
import { RootView } from "../../../src/executor/kit/root-view.js";
import { type ByteString, bytesOf } from "../../../src/util/bytes.js";
import { tempFolder } from "../../support/temp-folder.js";

interface Layer {
  readonly files?: readonly string[];
  readonly links?: Readonly<Record<string, string>>;
  readonly hidden?: readonly string[];
  readonly opaque?: readonly string[];
}

/** Layers on disk, base layer first. */
function viewOf(...layers: readonly Layer[]): RootView {
  const folder = tempFolder();
  const set = (paths: readonly string[] = []): Set<ByteString> => new Set(paths.map((path) => bytesOf(path)));
  const prepared = layers.map(({ files = [], links = {}, hidden, opaque }, index) => {
    const own = join(folder, String(index));
    mkdirSync(own);
    for (const path of [...files, ...Object.keys(links)]) mkdirSync(dirname(join(own, path)), { recursive: true });
    for (const path of files) writeFileSync(join(own, path), "");
    for (const [path, target] of Object.entries(links)) symlinkSync(target, join(own, path));
    return { folder: bytesOf(own), hidden: set(hidden), opaque: set(opaque), root: undefined };
  });
  return new RootView(prepared, (id) => id);
}

function layerOf(view: RootView, path: string): number | undefined {
  return view.find(bytesOf(path))?.layer;
}

test("shows the file of the uppermost layer", () => {
  const view = viewOf({ files: ["d/a", "d/b"] }, { files: ["d/b", "d/c"] });
  expect(["d/a", "d/b", "d/c", "d/x"].map((path) => layerOf(view, path))).toEqual([0, 1, 1, undefined]);
  expect(view.layersOf(bytesOf("d"))).toEqual([0, 1]);
});

test("what a layer hides is gone with all that is in it, and may come again above", () => {
  const view = viewOf({ files: ["d/a", "e/f"] }, { hidden: ["d", "e/f"] }, { files: ["d/n"] });
  expect(["d/a", "d/n", "e", "e/f"].map((path) => layerOf(view, path))).toEqual([undefined, 2, 0, undefined]);
  expect(view.layersOf(bytesOf("d"))).toEqual([2]);
});

test("nothing below an opaque directory is seen", () => {
  const view = viewOf({ files: ["d/a", "d/s/a"] }, { files: ["d/b", "d/s/b"], opaque: ["d"] });
  expect(["d/a", "d/b", "d/s/a", "d/s/b"].map((path) => layerOf(view, path))).toEqual([undefined, 1, undefined, 1]);
  expect(view.layersOf(bytesOf("d/s"))).toEqual([1]);
});

test("X1: a link of one layer leads no path of another anywhere", () => {
  const outside = tempFolder();
  writeFileSync(join(outside, "secret"), "");
  const linked = viewOf({ files: ["d/secret"] }, { links: { d: outside } });
  expect(layerOf(linked, "d/secret")).toBeUndefined();
  const covered = viewOf({ links: { d: outside } }, { files: ["d/own"] });
  expect(layerOf(covered, "d/secret")).toBeUndefined();
  expect(covered.layersOf(bytesOf("d"))).toEqual([1]);
});
