import { expect, test } from "vitest";
import { memoryTree } from "../../src/context/memory-tree.js";
import { gitModes } from "../../src/tree/git-modes.js";
import { type ByteString, bytesOf } from "../../src/util/bytes.js";

test.each([
  [{ content: "1", mode: 0o600 }, 0o644],
  [{ content: "1", mode: 0o664 }, 0o644],
  [{ content: "1", mode: 0o4755 }, 0o755],
  [{ content: "1", mode: 0o700 }, 0o755],
  [{ content: "1", mode: 0o655 }, 0o644],
  [{ type: "dir", mode: 0o2770 }, 0o755],
  [{ type: "symlink", target: "x" }, 0o777],
  [{ type: "fifo", mode: 0o620 }, 0o620],
] as const)("%j has the mode %o in git", (entry, mode) => {
  expect(gitModes(memoryTree({ entry })).lstat("entry" as ByteString)?.mode).toBe(mode);
});

test("everything else is as it was", () => {
  const tree = memoryTree({ "d/a": "text", "d/b": "" });
  const modes = gitModes(tree);
  const path = bytesOf("d/a");
  const node = modes.lstat(path)!;
  expect(modes.list(bytesOf("d"))).toEqual(["a", "b"]);
  expect(modes.lstat(bytesOf("gone"))).toBeUndefined();
  const reader = modes.open(path, node);
  const bytes = Buffer.alloc(10);
  expect(bytes.toString("utf8", 0, reader.read(bytes, 0, 10))).toBe("text");
  reader.close();
  modes.rememberContentDigest(path, node, Buffer.from("digest"));
  expect(tree.knownContentDigest(path, node)).toEqual(Buffer.from("digest"));
  expect(modes.knownContentDigest(path, node)).toEqual(Buffer.from("digest"));
  expect(modes.describe(path)).toBe(tree.describe(path));
  expect(modes.explainAbsence(bytesOf("gone"))).toBeUndefined();
});
