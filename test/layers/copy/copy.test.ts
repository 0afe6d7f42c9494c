import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { MemoryFiles } from "../../../src/context/memory-tree.js";
import { memoryTree } from "../../../src/context/memory-tree.js";
import { type CopyOptions, copySelection, type Destination, makeDirectories } from "../../../src/layers/copy/copy.js";
import { selectSource } from "../../../src/layers/copy/select.js";
import { FsEdit } from "../../../src/layers/fs/fs-edit.js";
import { emptyTree, FsTree } from "../../../src/layers/fs/fs-tree.js";
import { parseModeChange } from "../../../src/tree/chmod.js";
import type { FileTree } from "../../../src/tree/file-tree.js";
import { arbitraryChanges, change, type ModelNode, modelOf } from "../../support/fs-model.js";
import { p } from "../../support/trees.js";

const OPTIONS: CopyOptions = { owner: undefined, mode: undefined, nowSeconds: 99, mergeDirectories: true };

function copy(edit: FsEdit, tree: FileTree, source: string, to: string, options: Partial<CopyOptions> = {}): void {
  const isContext = !(tree instanceof FsTree);
  const select = { parents: false, exclude: [], isContext, onSkipped: () => {} };
  const destination: Destination = { path: p(to.replace(/^\/|\/$/g, "")), isDirectory: to.endsWith("/") };
  for (const selection of selectSource(tree, source, select)) {
    copySelection(edit, selection, destination, { ...OPTIONS, ...options });
  }
}

/** An edit of a file system that holds `files`. */
function editOf(files: MemoryFiles): FsEdit {
  const edit = new FsEdit(emptyTree("test"));
  copy(edit, memoryTree(files), "/", "/");
  return new FsEdit(new FsTree(edit.root, "the image"));
}

/** Paths with what is there, `mode owner` or a link's target. */
function shown(edit: FsEdit): Record<string, string> {
  return Object.fromEntries(
    [...modelOf(edit.root)].map(([path, node]) => [
      path + (node["type"] === "dir" ? "/" : ""),
      node["type"] === "symlink"
        ? `-> ${node["link"] as string}`
        : `${(node["mode"] as number).toString(8)} ${node["owner"] as string}`,
    ]),
  );
}

describe("a copy", () => {
  const source = memoryTree({
    "f.txt": "file",
    "d/": { type: "dir", mode: 0o700 },
    "d/x": { content: "x", mode: 0o600, uid: 5, gid: 6 },
    "d/e/y": "y",
    link: { type: "symlink", target: "f.txt" },
    dlink: { type: "symlink", target: "d" },
  });

  test.each<[what: string, image: MemoryFiles, from: string, to: string, paths: readonly string[]]>([
    ["of a file gets a new name", {}, "f.txt", "/g", ["g"]],
    ["of a file into a folder that is written so keeps its name", {}, "f.txt", "/g/", ["g/", "g/f.txt"]],
    ["of a file into a folder that is there keeps its name", { "g/": "" }, "f.txt", "/g", ["g/", "g/f.txt"]],
    ["of a file replaces a file", { g: "old" }, "f.txt", "/g", ["g"]],
    ["of a file follows a link at the destination", { l: { type: "symlink", target: "t" } }, "f.txt", "/l", ["l", "t"]],
    [
      "of a file follows links on the way",
      { "r/": "", l: { type: "symlink", target: "/r" } },
      "f.txt",
      "/l/g",
      ["l", "r/", "r/g"],
    ],
    [
      "of a file stays in the image when links climb",
      { l: { type: "symlink", target: "../../r" } },
      "f.txt",
      "/l/g",
      ["l", "r/", "r/g"],
    ],
    ["makes what leads to it", {}, "f.txt", "/a/b/c", ["a/", "a/b/", "a/b/c"]],
    ["of a folder takes what is in it", {}, "d", "/g", ["g/", "g/e/", "g/e/y", "g/x"]],
    ["of a folder merges into one that is there", { "g/z": "" }, "d", "/g/", ["g/", "g/e/", "g/e/y", "g/x", "g/z"]],
    ["of a link takes what it leads to, under the link's name", {}, "link", "/g/", ["g/", "g/link"]],
    ["of a link to a folder takes what is in the folder", {}, "dlink", "/g", ["g/", "g/e/", "g/e/y", "g/x"]],
    ["of everything keeps links in it", {}, "/", "/", ["d/", "d/e/", "d/e/y", "d/x", "dlink", "f.txt", "link"]],
  ])("%s", (_, image, from, to, paths) => {
    const edit = editOf(image);
    copy(edit, source, from, to);
    expect(Object.keys(shown(edit))).toEqual(paths);
  });

  test("keeps owners and modes of what it copies, and makes the way as root's", () => {
    const edit = editOf({});
    copy(edit, source, "d", "/g/h");
    expect(shown(edit)).toEqual({
      "g/": "755 0:0",
      "g/h/": "755 0:0",
      "g/h/e/": "755 0:0",
      "g/h/e/y": "644 0:0",
      "g/h/x": "600 5:6",
    });
  });

  test("with an owner and a mode gives them to all it makes, but no mode to links", () => {
    const edit = editOf({ "kept/": { type: "dir", mode: 0o711, uid: 3 } });
    const mode = parseModeChange("750");
    if (typeof mode === "string") throw new Error(mode);
    copy(edit, source, "/", "/kept/new/", { owner: { uid: 7, gid: 8 }, mode });
    expect(shown(edit)).toMatchObject({
      "kept/": "711 3:0",
      "kept/new/": "750 7:8",
      "kept/new/d/": "750 7:8",
      "kept/new/d/x": "750 7:8",
      "kept/new/link": "-> f.txt",
    });
  });

  test("keeps names of one file one file, also when one of them is there already", () => {
    const twins = memoryTree({ a: "twin", "d/b": { type: "hardlink", target: "a" }, c: "alone" });
    const edit = editOf({ "d/b": "old" });
    copy(edit, twins, "/", "/");
    expect(edit.find(p("a"))).toBe(edit.find(p("d/b")));
    expect(edit.find(p("c"))).not.toBe(edit.find(p("a")));
  });

  test.each<[what: string, image: MemoryFiles, from: string, to: string]>([
    ["a folder over a file", { g: "" }, "d", "/g"],
    ["a folder over a file further down", { "g/e": "" }, "d", "/g"],
    ["a file over a folder further down", { "g/x/": "" }, "d", "/g"],
    ["below a file", { g: "" }, "f.txt", "/g/h"],
    ["into a file that is written as a folder", { g: "" }, "f.txt", "/g/"],
    ["a folder over a link further down", { "g/e": { type: "symlink", target: "/" } }, "d", "/g"],
    ["what is not there", {}, "none", "/g"],
  ])("of %s is an error", (_, image, from, to) => {
    const edit = editOf(image);
    expect(() => copy(edit, source, from, to)).toThrow(expect.objectContaining({ code: "LAYER_COPY" }));
  });

  test("agrees with a model that has paths only, whatever is copied over whatever", () => {
    const destination = fc.constantFrom("/", "/a/", "/a/b/", "/new/x/");
    const noLinks = arbitraryChanges.map((all) => all.filter((step) => step.do !== "symlink" && step.do !== "link"));
    let copied = 0;
    fc.assert(
      fc.property(noLinks, noLinks, destination, (image, sources, to) => {
        const base = new FsEdit(emptyTree("test"));
        change(base, image);
        const from = new FsEdit(emptyTree("test"));
        change(from, sources);
        const edit = new FsEdit(new FsTree(base.root, "test"));
        const expected = copiedModel(modelOf(base.root), modelOf(from.root), to.replace(/^\/|\/$/g, ""));
        const result = attempt(() => {
          copy(edit, new FsTree(from.root, "test"), "/", to);
          copied++;
          return Object.fromEntries(modelOf(edit.root));
        });
        expect(result).toEqual(expected && Object.fromEntries(expected));
      }),
      { numRuns: 500 },
    );
    expect(copied).toBeGreaterThan(100);
  });
});

function attempt<T>(action: () => T): T | undefined {
  try {
    return action();
  } catch (error) {
    expect(error).toMatchObject({ code: "LAYER_COPY" });
    return undefined;
  }
}

/** `COPY / DESTINATION/` the slow way, over maps without links; `undefined` when something is in the way. */
function copiedModel(
  image: ReadonlyMap<string, ModelNode>,
  source: ReadonlyMap<string, ModelNode>,
  to: string,
): ReadonlyMap<string, ModelNode> | undefined {
  const result = new Map(image);
  const made = {
    type: "dir",
    mode: 0o755,
    owner: "0:0",
    time: 99,
    link: "",
    device: "0:0",
    capability: "",
    content: "",
  };
  const parts = to === "" ? [] : to.split("/");
  for (let depth = 1; depth <= parts.length; depth++) {
    const path = parts.slice(0, depth).join("/");
    const there = result.get(path);
    if (there === undefined) result.set(path, made);
    else if (there["type"] !== "dir") return undefined;
  }
  // The time of the folder itself follows the source.
  if (to !== "") result.set(to, { ...result.get(to)!, time: 0 });
  for (const [path, node] of source) {
    const at = to === "" ? path : `${to}/${path}`;
    const there = result.get(at);
    if (there !== undefined && (there["type"] === "dir") !== (node["type"] === "dir")) return undefined;
    result.set(at, node);
  }
  return result;
}

describe("directories on the way", () => {
  test("are made through links, with the owner that is asked for, and left alone where they are", () => {
    const edit = editOf({ "d/": { type: "dir", mode: 0o700 }, l: { type: "symlink", target: "d/new" } });
    makeDirectories(edit, p("l/x/y"), { owner: { uid: 1, gid: 2 }, mode: undefined, nowSeconds: 7 });
    expect(shown(edit)).toEqual({
      "d/": "700 0:0",
      "d/new/": "755 1:2",
      "d/new/x/": "755 1:2",
      "d/new/x/y/": "755 1:2",
      l: "-> d/new",
    });
    expect(edit.lstat(p("d/new/x"))?.mtimeSeconds).toBe(7);
  });

  test("through a loop of links are an error", () => {
    const edit = editOf({ a: { type: "symlink", target: "b" }, b: { type: "symlink", target: "a" } });
    const options = { owner: undefined, mode: undefined, nowSeconds: 0 };
    expect(() => makeDirectories(edit, p("a/x"), options)).toThrow(expect.objectContaining({ code: "TREE_LINK_LOOP" }));
  });
});
