import { expect, test } from "vitest";
import { upperRewrite } from "../../../src/executor/docker/upper-changeset.js";
import { IndexView, type LayerIndex } from "../../../src/executor/kit/layer-index.js";
import type { LowerFile } from "../../../src/executor/kit/lower-files.js";
import type { DiffId } from "../../../src/oci/digest.js";
import { type ByteString, bytesOf } from "../../../src/util/bytes.js";
import type { TarMember } from "../../support/tar-bytes.js";
import { rewritten } from "../kit/rewritten.js";

const DIR: LowerFile = { type: "dir", mode: 0o755, uid: 0, gid: 0, mtimeSeconds: 0 };
const FILE: LowerFile = { type: "file" };

function view(files: Readonly<Record<string, LowerFile>>): IndexView {
  const layer: LayerIndex = {
    diffId: "sha256:0" as DiffId,
    sizeBytes: 0,
    files: new Map(Object.entries(files).map(([path, file]) => [bytesOf(path), file])),
    hidden: new Set(),
    opaque: new Set(),
  };
  return new IndexView([layer]);
}

async function paths(members: readonly TarMember[], deleted: readonly string[], image: IndexView, limit = 1e6) {
  const rewrite = upperRewrite(new Set(deleted.map(bytesOf)), image, limit);
  return (await rewritten(members, rewrite)).map(({ path }) => path);
}

const IMAGE = view({ d: DIR, "d/a": FILE, "d/b": FILE, x: FILE, y: FILE });

test("device nodes 0:0 are whiteouts, and so are hard links to them", async () => {
  const members: TarMember[] = [
    { path: "x", type: "char" },
    { path: "y", type: "hardlink", linkname: "x" },
  ];
  expect(await paths(members, ["x", "y"], IMAGE)).toEqual([".wh.x", ".wh.y"]);
});

test("a directory that is new in the place of another hides what that had, in either engine's words", async () => {
  const members: TarMember[] = [
    { path: "d", type: "dir" },
    { path: "d/b", content: "new" },
  ];
  expect(await paths(members, ["d"], IMAGE)).toEqual(["d", "d/.wh..wh..opq", "d/b"]);
  expect(await paths(members, ["d/a"], IMAGE)).toEqual(["d", "d/b", "d/.wh.a"]);
  expect(await paths(members, [], IMAGE)).toEqual(["d", "d/b"]);
});

test("L4: the top folder of the engine, and whiteouts of what the image does not have, are left out", async () => {
  const members: TarMember[] = [
    { path: "", type: "dir", mode: 0o755 },
    { path: "stub", type: "char" },
    { path: "x", content: "1" },
  ];
  expect(await paths(members, ["stub", "other"], IMAGE)).toEqual(["x"]);
  expect(await paths([{ path: "", type: "dir", mode: 0o700 }], [], IMAGE)).toEqual(["" as ByteString]);
});

test("more than the limit is an error", async () => {
  const members: TarMember[] = [{ path: "x", content: "12345" }];
  await expect(paths(members, [], IMAGE, 4)).rejects.toMatchObject({ code: "EXECUTOR_FAILED" });
});
