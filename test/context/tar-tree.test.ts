import { appendFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, onTestFinished, test } from "vitest";
import type { MemoryEntry, MemoryFiles } from "../../src/context/memory-tree.js";
import { openTarTree } from "../../src/context/tar-tree.js";
import { isOcibuildError } from "../../src/errors.js";
import type { FileTree } from "../../src/tree/file-tree.js";
import { fileTreeContract } from "../contract/file-tree.js";
import { type TarMember, tarBytes } from "../support/tar-bytes.js";
import { tempFolder } from "../support/temp-folder.js";
import { nodeAt, p, pathsIn, readAll } from "../support/trees.js";

async function treeOf(bytes: Buffer, file = join(tempFolder(), "context.tar")): Promise<FileTree> {
  writeFileSync(file, bytes);
  const { tree, close } = await openTarTree(file);
  onTestFinished(close);
  return tree;
}

function membersOf(files: MemoryFiles): TarMember[] {
  return (Object.entries(files) as [string, string | MemoryEntry][]).map(([name, value]) => {
    const entry: MemoryEntry = typeof value === "string" ? { content: value } : value;
    const type = name.endsWith("/") ? "dir" : (entry.type ?? "file");
    return {
      path: name.replace(/\/$/, ""),
      type: type as Exclude<typeof type, "socket">,
      content: (entry.content ?? "") as string,
      linkname: entry.target ?? "",
      mode: entry.mode ?? 0o644,
      mtimeSeconds: Math.floor((entry.mtime ?? 0) as number),
      mtimeNanos: (((entry.mtime ?? 0) as number) % 1) * 1e9,
    };
  });
}

describe("as every tree", () => {
  fileTreeContract((files) => treeOf(tarBytes(membersOf(files))));
});

test("keeps owners, modes and attributes of the archive", async () => {
  const xattrs = new Map([[p("user.x"), Buffer.from([0, 255])]]);
  const tree = await treeOf(tarBytes([{ path: "f", uid: 3_000_000, gid: 7, mode: 0o4711, content: "x", xattrs }]));
  expect(nodeAt(tree, "f")).toMatchObject({ uid: 3_000_000, gid: 7, mode: 0o4711 });
  expect(nodeAt(tree, "f").xattrs?.get(p("user.x"))).toEqual(Buffer.from([0, 255]));
});

test("of two entries with one name the later wins, whatever they are", async () => {
  const tree = await treeOf(
    tarBytes([
      { path: "a", content: "first" },
      { path: "d/x", content: "" },
      { path: "a", content: "second" },
      { path: "d", content: "now a file" },
      { path: "e", type: "dir", mode: 0o700 },
      { path: "e/x", content: "" },
      { path: "e", type: "dir", mode: 0o711 },
    ]),
  );
  expect(readAll(tree, "a").toString()).toBe("second");
  expect(pathsIn(tree)).toEqual(["a", "d", "e/", "e/x"]);
  expect(nodeAt(tree, "e").mode).toBe(0o711);
});

test("puts entries below a link where the link leads, inside the archive", async () => {
  const tree = await treeOf(
    tarBytes([
      { path: "real/keep", content: "" },
      { path: "l", type: "symlink", linkname: "/real" },
      { path: "up", type: "symlink", linkname: "../../../out" },
      { path: "l/x", content: "1" },
      { path: "up/y", content: "2" },
    ]),
  );
  expect(pathsIn(tree)).toEqual(["l", "out/", "out/y", "real/", "real/keep", "real/x", "up"]);
});

test("hard links must name something that came before", async () => {
  const bytes = tarBytes([
    { path: "a", type: "hardlink", linkname: "later" },
    { path: "later", content: "" },
  ]);
  await expect(treeOf(bytes)).rejects.toSatisfy((error) => isOcibuildError(error, "CONTEXT_INVALID"));
});

test("an archive that is cut off is refused", async () => {
  const bytes = tarBytes([{ path: "a", content: "x".repeat(2000) }]);
  await expect(treeOf(bytes.subarray(0, 1000))).rejects.toSatisfy((error) => isOcibuildError(error, "TAR_INVALID"));
});

test("C8: an archive that grows while it is read is noticed", async () => {
  const file = join(tempFolder(), "context.tar");
  const tree = await treeOf(tarBytes([{ path: "a", content: "x" }]), file);
  const reader = tree.open(p("a"), nodeAt(tree, "a"));
  reader.read(Buffer.alloc(1), 0, 1);
  appendFileSync(file, "more");
  expect(() => reader.close()).toThrow(expect.toSatisfy((error) => isOcibuildError(error, "CONTEXT_CHANGED")));
});
