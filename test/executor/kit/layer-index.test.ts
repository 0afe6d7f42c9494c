import { expect, test } from "vitest";
import { decodeIndex, encodeIndex, IndexView, type LayerIndex } from "../../../src/executor/kit/layer-index.js";
import type { LowerFile } from "../../../src/executor/kit/lower-files.js";
import type { DiffId } from "../../../src/oci/digest.js";
import { type ByteString, bytesOf } from "../../../src/util/bytes.js";

const DIR: LowerFile = { type: "dir", mode: 0o750, uid: 1, gid: 2, mtimeSeconds: 3 };
const FILE: LowerFile = { type: "file" };
const link = (to: string): LowerFile => ({ type: "symlink", linkname: bytesOf(to) });

function layer(files: Readonly<Record<string, LowerFile>>, hidden: string[] = [], opaque: string[] = []): LayerIndex {
  return {
    diffId: "sha256:1" as DiffId,
    sizeBytes: 5,
    files: new Map(Object.entries(files).map(([path, file]) => [bytesOf(path), file])),
    hidden: new Set(hidden.map(bytesOf)),
    opaque: new Set(opaque.map(bytesOf)),
  };
}

function found(layers: readonly LayerIndex[], ...paths: string[]): (string | undefined)[] {
  const view = new IndexView(layers);
  return paths.map((path) => view.lookUp(bytesOf(path))?.type);
}

const BELOW = layer({ d: DIR, "d/f": FILE, "d/e": DIR, "d/e/g": FILE });

test("the upper layer counts, and what it takes away is not there", () => {
  expect(found([BELOW, layer({ "d/f": DIR })], "d/f", "d/e/g")).toEqual(["dir", "file"]);
  expect(found([BELOW, layer({}, ["d/e"])], "d/f", "d/e", "d/e/g")).toEqual(["file", undefined, undefined]);
  expect(found([BELOW, layer({ "d/n": FILE }, [], ["d"])], "d", "d/n", "d/f", "d/e/g")).toEqual([
    "dir",
    "file",
    undefined,
    undefined,
  ]);
  expect(found([BELOW, layer({ d: FILE })], "d", "d/f")).toEqual(["file", undefined]);
  expect(found([BELOW, layer({ d: link("/x") })], "d", "d/f")).toEqual(["symlink", undefined]);
});

test("X1: links are followed inside the root, and endless ones are told", () => {
  const view = new IndexView([layer({ abs: link("/d/e"), up: link("../../.."), a: link("b"), b: link("a") }), BELOW]);
  const resolved = (path: string): ByteString | undefined => view.resolve(bytesOf(path));
  expect(resolved("/abs/g")).toBe("d/e/g");
  expect(resolved("/up/new/x")).toBe("new/x");
  expect(resolved("/a")).toBeUndefined();
});

test("an index is the same when it is read again; anything else is none", () => {
  const xattrs = new Map([[bytesOf("user.x"), Buffer.from([0, 255])]]);
  const index = layer({ d: { ...DIR, xattrs }, grün: FILE, l: link("ü") }, ["gone"], ["d"]);
  expect(decodeIndex(encodeIndex(index))).toEqual(index);
  const text = encodeIndex(index);
  for (let end = 0; end < text.length; end++) expect(decodeIndex(text.slice(0, end))).toBeUndefined();
  expect(decodeIndex(text.replace('"format":1', '"format":99'))).toBeUndefined();
});
