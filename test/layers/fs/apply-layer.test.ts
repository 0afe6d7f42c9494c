import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { applyLayer } from "../../../src/layers/fs/apply-layer.js";
import { bytesContent } from "../../../src/layers/fs/fs-node.js";
import { emptyTree, type FsTree } from "../../../src/layers/fs/fs-tree.js";
import type { IndexedEntry } from "../../../src/layers/layer-index.js";
import { modelOf } from "../../support/fs-model.js";
import { p } from "../../support/trees.js";

/**
 * A file system in short: `d/` a directory, `f` a file, `l->t` a symlink, `h=f` a hard link; the content of a file is
 * what stands after a colon, else its layer's mark.
 */
function layer(text: string, mark: string): IndexedEntry[] {
  return text
    .split(" ")
    .filter((word) => word !== "")
    .map((word, at) => {
      const [, path = "", kind = "", value = ""] = /^(.*?)(->|=|:|\/)?((?<=->|=|:).*)?$/.exec(word)!;
      const type = kind === "/" ? "dir" : kind === "->" ? "symlink" : kind === "=" ? "hardlink" : "file";
      const content = type === "file" ? value || mark : "";
      return {
        path: p(path),
        type,
        mode: 0o644,
        uid: 0,
        gid: 0,
        size: content.length,
        mtimeSeconds: 0,
        mtimeNanos: 0,
        linkname: p(type === "file" ? "" : value),
        devMajor: 0,
        devMinor: 0,
        xattrs: undefined,
        dataOffset: at,
        contentDigest: Buffer.from(content),
      };
    });
}

function apply(base: FsTree, text: string, mark: string): FsTree {
  return applyLayer(base, layer(text, mark), (entry) => bytesContent(entry.contentDigest!));
}

/** The paths of a tree in the same short form, sorted. */
function shown(tree: FsTree): string {
  return [...modelOf(tree.root)]
    .map(([path, node]) => {
      if (node["sameAs"] !== undefined) return `${path}=${node["sameAs"] as string}`;
      if (node["type"] === "dir") return `${path}/`;
      return node["type"] === "symlink" ? `${path}->${node["link"] as string}` : `${path}:${node["content"] as string}`;
    })
    .join(" ");
}

/** What is below, the layer, and what comes out: `1` marks contents from below, `2` those of the layer. */
const TABLE: readonly (readonly [what: string, lower: string, upper: string, result: string])[] = [
  ["removes a file", "a b", ".wh.a", "b:1"],
  ["removes a file in a folder", "d/ d/a d/b", "d/.wh.a", "d/ d/b:1"],
  ["removes a folder with all in it", "d/ d/e/ d/e/f g", ".wh.d", "g:1"],
  ["removes a symlink, not its target", "a l->a", ".wh.l", "a:1"],
  ["removes one name of a file", "a b=a", ".wh.a", "b:1"],
  ["of what is not there removes nothing", "a", ".wh.b", "a:1"],
  ["in a folder that is not there removes nothing", "a", "d/.wh.b", "a:1"],
  ["below a file removes nothing", "a", "a/.wh.b", "a:1"],
  ["does not reach a file of its own layer that comes after it", "a", ".wh.a a", "a:2"],
  ["does not reach a file of its own layer that comes before it", "a", "a .wh.a", "a:2"],
  ["does not reach a folder of its own layer", "d/ d/a", ".wh.d d/ d/b", "d/ d/b:2"],
  ["comes first wherever it stands", "d/ d/a", "d/ d/b .wh.d", "d/ d/b:2"],
  ["with a file of the same name in another folder", "a d/ d/a", "d/.wh.a", "a:1 d/"],
  ["removes a name that begins with a dot", ".a b", ".wh..a", "b:1"],
  ["removes a name that begins with two dots", "..a b", ".wh...a", "b:1"],
  ["removes a name of three dots", "... b", ".wh....", "b:1"],
  ["removes a name that is not ASCII", "\xff b", ".wh.\xff", "b:1"],
  ["takes a name without the whole prefix for a name", "a", ".wh", ".wh:2 a:1"],
  ["takes another spelling for a name", "a", ".WH.a", ".WH.a:2 a:1"],
  ["through a symlink reaches what it leads to", "d/ d/a d/b l->d", "l/.wh.a", "d/ d/b:1 l->d"],
  ["through an absolute symlink stays in the image", "d/ d/a l->/d", "l/.wh.a", "d/ l->/d"],
  ["through a symlink that climbs stays in the image", "a l->../../..", "l/.wh.a", "l->../../.."],
  ["through a link to nowhere removes nothing", "a l->none", "l/.wh.a", "a:1 l->none"],
  ["through a symlink of its own layer sees the layers below", "d/ d/a", "l->d l/.wh.a", "d/ d/a:1 l->d"],
  ["of a symlink and of a file in the folder that takes its place", "d/ d/a l->d", ".wh.l l/ l/b", "d/ d/a:1 l/ l/b:2"],
  ["repeated is as good as once", "a b", ".wh.a .wh.a", "b:1"],
  ["of a folder and of a file in it", "d/ d/a", "d/.wh.a .wh.d", ""],
  ["of a folder that is made again with other files", "d/ d/a d/b", ".wh.d d/ d/a:x", "d/ d/a:x"],
  ["opaque: empties a folder", "d/ d/a d/e/ d/e/f", "d/ d/.wh..wh..opq", "d/"],
  ["opaque: leaves what the layer itself has, before it", "d/ d/a", "d/ d/b d/.wh..wh..opq", "d/ d/b:2"],
  ["opaque: leaves what the layer itself has, after it", "d/ d/a", "d/.wh..wh..opq d/b", "d/ d/b:2"],
  ["opaque: leaves a file of the layer with a name from below", "d/ d/a", "d/.wh..wh..opq d/a", "d/ d/a:2"],
  ["opaque: reaches no other folder", "d/ d/a e/ e/a", "d/.wh..wh..opq", "d/ e/ e/a:1"],
  ["opaque: empties folders in the folder too", "d/ d/e/ d/e/f", "d/.wh..wh..opq d/e/ d/e/g", "d/ d/e/ d/e/g:2"],
  ["opaque: at the root empties the image", "a d/ d/b", ".wh..wh..opq c", "c:2"],
  ["opaque: in a folder that is not there does nothing", "a", "d/.wh..wh..opq", "a:1"],
  ["opaque: where a file is does nothing", "a", "a/.wh..wh..opq", "a:1"],
  ["opaque: through a symlink empties what it leads to", "d/ d/a l->d", "l/.wh..wh..opq", "d/ l->d"],
  ["opaque: comes before other whiteouts", "d/ d/a", "d/.wh.a d/.wh..wh..opq d/c", "d/ d/c:2"],
  ["opaque: keeps what the folder is", "d/ d/a", "d/.wh..wh..opq", "d/"],
  ["of other aufs files is none and no file either", "a .wh..wh.x", ".wh..wh.plnk .wh..wh.aufs", "a:1"],
  ["with a file in the way of a folder", "d/ d/a", "d", "d:2"],
  ["with a folder in the place of a file", "d", "d/ d/a", "d/ d/a:2"],
  ["with a folder in the place of a symlink", "e/ d->e", "d/ d/a", "d/ d/a:2 e/"],
  ["with a folder that stays when it comes again", "d/ d/a", "d/", "d/ d/a:1"],
  ["with parents that the layer leaves out", "", "d/e/f", "d/ d/e/ d/e/f:2"],
  ["with a file through a symlink of a lower layer", "d/ l->d", "l/a", "d/ d/a:2 l->d"],
  ["with a hard link to a file below", "a", "b=a", "a:1 b=a"],
  ["with a hard link through a symlink", "d/ d/a l->d", "b=l/a", "b:1 d/ d/a=b l->d"],
];

describe("U6: a whiteout", () => {
  test.each(TABLE)("%s", (_, lower, upper, result) => {
    const base = apply(emptyTree("test"), lower, "1");
    const before = shown(base);
    expect(shown(apply(base, upper, "2"))).toBe(result);
    expect(shown(base)).toBe(before);
  });

  test.each([".wh.", ".wh..", ".wh...", "d/.wh.", "d/.wh..", "d/.wh...", "none/.wh."])(
    "named %j is refused",
    (name) => {
      const base = apply(emptyTree("test"), "a d/ d/a", "1");
      expect(() => apply(base, name, "2")).toThrow(expect.objectContaining({ code: "LAYER_INVALID" }));
    },
  );

  test("agrees with a model that has paths only, whatever the layers", () => {
    const name = fc.constantFrom("a", "b", "c");
    const path = fc.array(name, { minLength: 1, maxLength: 3 }).map((names) => names.join("/"));
    const entry = fc.oneof(
      { weight: 3, arbitrary: path },
      { weight: 2, arbitrary: path.map((text) => `${text}/`) },
      { weight: 2, arbitrary: path.map((text) => text.replace(/([^/]+)$/, ".wh.$1")) },
      { weight: 1, arbitrary: path.map((text) => `${text}/.wh..wh..opq`) },
    );
    const layers = fc.array(fc.array(entry, { maxLength: 8 }), { maxLength: 4 });
    fc.assert(
      fc.property(layers, (all) => {
        let tree = emptyTree("test");
        let model: ReadonlyMap<string, string> = new Map();
        for (const [at, entries] of all.entries()) {
          tree = apply(tree, entries.join(" "), String(at));
          model = applied(model, entries, String(at));
        }
        expect(shown(tree)).toBe(
          [...model]
            .map(([at, content]) => (content === "/" ? `${at}/` : `${at}:${content}`))
            .sort((a, b) => (key(a) < key(b) ? -1 : 1))
            .join(" "),
        );
      }),
      { numRuns: 500 },
    );
  });
});

function key(text: string): string {
  return text.replace(/:.*$|\/$/, "").replaceAll("/", "\0");
}

/** The slow way: a map from paths to contents, `/` for directories. No links. */
function applied(lower: ReadonlyMap<string, string>, entries: readonly string[], mark: string): Map<string, string> {
  const model = new Map(lower);
  const removeBelow = (path: string): void => {
    for (const other of [...model.keys()]) if (other.startsWith(`${path}/`)) model.delete(other);
  };
  const isFolder = (path: string): boolean => path === "" || model.get(path) === "/";
  for (const entry of entries) {
    if (entry.endsWith("/.wh..wh..opq")) {
      const folder = entry.slice(0, -"/.wh..wh..opq".length);
      if (isFolder(folder)) removeBelow(folder);
    }
  }
  for (const entry of entries) {
    const match = /^(?:(.*)\/)?\.wh\.([^.].*)$/.exec(entry);
    if (match === null) continue;
    const path = match[1] === undefined ? match[2]! : `${match[1]}/${match[2]}`;
    model.delete(path);
    removeBelow(path);
  }
  for (const entry of entries) {
    if (entry.includes(".wh.")) continue;
    const isDirectory = entry.endsWith("/");
    const path = isDirectory ? entry.slice(0, -1) : entry;
    const parts = path.split("/");
    for (let depth = 1; depth < parts.length; depth++) {
      const parent = parts.slice(0, depth).join("/");
      if (model.get(parent) !== "/") model.set(parent, "/");
    }
    if (isDirectory) {
      if (model.get(path) !== "/") model.set(path, "/");
    } else {
      removeBelow(path);
      model.set(path, mark);
    }
  }
  return model;
}

describe("hard links of layers", () => {
  test("names of a file that was replaced are not taken for names of the new one", () => {
    let tree = apply(emptyTree("test"), "a:old b=a", "1");
    tree = apply(tree, "a:new c=a", "2");
    expect(shown(tree)).toBe("a:new b:old c=a");
    const inodes = ["a", "b", "c"].map((path) => tree.lstat(p(path))!.inode);
    expect(inodes[0]).toBe(inodes[2]);
    expect(inodes[1]).not.toBe(inodes[0]);
  });

  test.each([
    ["nothing", "a", "b=none"],
    ["a folder", "d/", "b=d"],
    ["what comes later", "", "b=a a"],
    ["what the layer removes", "a", ".wh.a b=a"],
  ])("U3: to %s are refused", (_, lower, upper) => {
    const base = apply(emptyTree("test"), lower, "1");
    expect(() => apply(base, upper, "2")).toThrow(expect.objectContaining({ code: "LAYER_INVALID" }));
  });
});
