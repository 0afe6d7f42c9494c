import {
  appendFileSync,
  chmodSync,
  linkSync,
  lstatSync,
  mkdirSync,
  renameSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { compareTrees } from "../../../src/executor/chroot/tree-changes.js";
import { listTree, untilNextTick } from "../../../src/executor/chroot/tree-list.js";
import { type ByteString, bytesOf } from "../../../src/util/bytes.js";
import { tempFolder } from "../../support/temp-folder.js";

/** What `change` does to a folder with a few files, told apart from what was there. */
async function changes(change: (at: (path: string) => string) => void, stubs: readonly string[] = []) {
  const folder = tempFolder();
  const root = join(folder, "root");
  const at = (path: string): string => join(root, path);
  for (const path of ["", "d", "d/e", "empty", ...stubs]) mkdirSync(at(path));
  for (const path of ["a", "b", "d/f", "d/e/g"]) writeFileSync(at(path), "content");
  const before = listTree(bytesOf(root), () => false);
  await untilNextTick(before, folder);
  change(at);
  const after = listTree(bytesOf(root), () => false);
  const { changed, deleted, dirty } = compareTrees(before, after, new Set(stubs.map((path) => bytesOf(path))));
  return { changed, deleted, dirty: [...dirty].sort() };
}

test("sees nothing where nothing was done", async () => {
  expect(await changes(() => {})).toEqual({ changed: [], deleted: [], dirty: [] });
});

test("sees content of the same length whose time was put back", async () => {
  const { changed } = await changes((at) => {
    const { atime, mtime } = lstatSync(at("d/f"));
    writeFileSync(at("d/f"), "CONTENT");
    utimesSync(at("d/f"), atime, mtime);
  });
  expect(changed).toEqual(["d/f"]);
});

test("sees files that are written, made, linked, and whose mode alone is another", async () => {
  const { changed, deleted } = await changes((at) => {
    appendFileSync(at("a"), "more");
    chmodSync(at("d/e/g"), 0o600);
    linkSync(at("b"), at("d/b"));
    symlinkSync("x", at("l"));
  });
  // A new name is a change of the file it is a name of.
  expect(changed).toEqual(["a", "b", "d", "d/b", "d/e/g", "l"]);
  expect(deleted).toEqual([]);
});

test("tells the top of what was deleted, and knows all of it", async () => {
  const { changed, deleted, dirty } = await changes((at) => rmSync(at("d"), { recursive: true }));
  expect(changed).toEqual([]);
  expect(deleted).toEqual(["d"]);
  expect(dirty).toEqual(["", "d", "d/e", "d/e/g", "d/f"]);
});

test("a directory that was made anew has lost what was in it", async () => {
  const { changed, deleted } = await changes((at) => {
    rmSync(at("d"), { recursive: true });
    mkdirSync(at("d"));
    writeFileSync(at("d/n"), "");
  });
  expect(changed).toEqual(["d", "d/n"]);
  expect(deleted.toSorted()).toEqual(["d/e", "d/f"]);
});

test("a file in the place of a directory deletes it by being there", async () => {
  const { changed, deleted } = await changes((at) => {
    renameSync(at("d"), at("moved"));
    writeFileSync(at("d"), "");
  });
  expect(changed).toEqual(["d", "moved", "moved/e", "moved/e/g", "moved/f"]);
  expect(deleted).toEqual([]);
});

test("L4: directories made for the run are no change, unless the command puts something there", async () => {
  expect(await changes(() => {}, ["s", "s/t"])).toEqual({ changed: [], deleted: [], dirty: [] });
  const used = await changes((at) => writeFileSync(at("s/t/new"), ""), ["s", "s/t"]);
  expect(used.changed).toEqual(["s", "s/t", "s/t/new"]);
  const removed = await changes((at) => rmSync(at("s"), { recursive: true }), ["s", "s/t"]);
  expect(removed.changed.concat(removed.deleted)).toEqual([]);
});

test.runIf(process.platform === "linux")(
  "names are bytes, and what is left out is left out with all that is in it",
  () => {
    const root = join(tempFolder(), "root");
    mkdirSync(join(root, "out"), { recursive: true });
    writeFileSync(join(root, "out/f"), "");
    writeFileSync(Buffer.concat([Buffer.from(`${root}/`), Buffer.from([0xff])]), "");
    const list = listTree(bytesOf(root), (path) => path === "out");
    expect([...list.keys()]).toEqual(["", "\xff" as ByteString]);
  },
);
