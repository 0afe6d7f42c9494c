import { expect, test } from "vitest";
import { ContentRewrite } from "../../../src/executor/kit/cache-content.js";
import { measuredBytes } from "../../../src/executor/kit/tar-arguments.js";
import { bytesOf } from "../../../src/util/bytes.js";
import { rewritten } from "./rewritten.js";

test("U8: devices in a cache mount, and further names of them, stay; all else travels as it is", async () => {
  const found = await rewritten(
    [
      { path: "", type: "dir", mode: 0o750, uid: 7 },
      { path: "null", type: "char", devMajor: 1, devMinor: 3 },
      { path: "other", type: "hardlink", linkname: "null" },
      { path: "third", type: "hardlink", linkname: "other" },
      { path: "f", content: "kept", mode: 0o4711, xattrs: new Map([[bytesOf("user.a"), Buffer.from("b")]]) },
      { path: "g", type: "hardlink", linkname: "f" },
      { path: ".wh.f", content: "a name" },
      { path: "pipe", type: "fifo" },
    ],
    new ContentRewrite(),
  );
  expect(found.map(({ path, type, mode, content }) => [path, type, mode, content])).toEqual([
    ["", "dir", 0o750, ""],
    ["f", "file", 0o4711, "kept"],
    ["g", "hardlink", 0o644, ""],
    [".wh.f", "file", 0o644, "a name"],
    ["pipe", "fifo", 0o644, ""],
  ]);
  expect(found[1]!.xattrs?.get(bytesOf("user.a"))?.toString()).toBe("b");
});

test("the size of an archive is what GNU tar says it is", () => {
  expect(measuredBytes("Total bytes written: 10240 (10KiB, 5.0MiB/s)")).toBe(10_240);
  expect(measuredBytes("tar: ./s: socket ignored\nTotal bytes written: 629156 (615KiB, 1MiB/s)")).toBe(629_156);
  expect(measuredBytes("tar: it cannot")).toBeUndefined();
});
