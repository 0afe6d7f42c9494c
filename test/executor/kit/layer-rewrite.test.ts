import { mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { LayerRewrite, type LayerRewriteOptions } from "../../../src/executor/kit/layer-rewrite.js";
import { RootView } from "../../../src/executor/kit/root-view.js";
import { type ByteString, bytesOf } from "../../../src/util/bytes.js";
import type { TarMember } from "../../support/tar-bytes.js";
import { tempFolder } from "../../support/temp-folder.js";
import { rewritten } from "./rewritten.js";

const NOTHING = new RootView([], (id) => id);
const OPTIONS: LayerRewriteOptions = { overlay: "trusted", ids: "all", maxId: 65_536, lower: NOTHING };
const OPAQUE = "trusted.overlay.opaque" as ByteString;

async function unpacked(members: readonly TarMember[], options: Partial<LayerRewriteOptions> = {}) {
  const rewrite = new LayerRewrite({ ...OPTIONS, ...options });
  return { entries: await rewritten(members, rewrite), rewrite };
}

async function lines(members: readonly TarMember[], options: Partial<LayerRewriteOptions> = {}): Promise<string[]> {
  const { entries } = await unpacked(members, options);
  return entries.map(({ path, type, linkname, xattrs }) =>
    [type, path, linkname, ...(xattrs?.has(OPAQUE) ? ["opaque"] : [])].filter((word) => word !== "").join(" "),
  );
}

test("passes files on with their content, and makes the parents that a layer leaves out", async () => {
  const { entries } = await unpacked([{ path: "a/b/f", content: "hello", mode: 0o4755, uid: 7 }]);
  expect(entries.map(({ path, mode }) => [path, mode])).toEqual([
    ["a", 0o755],
    ["a/b", 0o755],
    ["a/b/f", 0o4755],
  ]);
  expect(entries[2]).toMatchObject({ content: "hello", uid: 7 });
});

test("U2: writes through a link of the same layer to where it leads inside the root", async () => {
  const members: TarMember[] = [
    { path: "real", type: "dir" },
    { path: "abs", type: "symlink", linkname: "/real" },
    { path: "up", type: "symlink", linkname: "../../../real" },
    { path: "abs/one", content: "1" },
    { path: "up/two", content: "2" },
  ];
  expect((await lines(members)).slice(3)).toEqual(["file real/one", "file real/two"]);
});

test("U2: refuses links that lead in a circle, and files as parents", async () => {
  const circle: TarMember[] = [
    { path: "a", type: "symlink", linkname: "b" },
    { path: "b", type: "symlink", linkname: "a" },
    { path: "a/x" },
  ];
  await expect(unpacked(circle)).rejects.toMatchObject({ code: "LAYER_INVALID" });
  await expect(unpacked([{ path: "f" }, { path: "f/x" }])).rejects.toMatchObject({ code: "LAYER_INVALID" });
});

test("U2: knows the links and directories of the layers below", async () => {
  const folder = tempFolder();
  mkdirSync(join(folder, "usr/lib"), { recursive: true });
  mkdirSync(join(folder, "tmp"));
  writeFileSync(join(folder, "file"), "");
  symlinkSync("usr/lib", join(folder, "lib"));
  const lower = new RootView(
    [{ folder: bytesOf(folder), opaque: new Set(), hidden: new Set(), root: undefined }],
    (id) => id,
  );
  const { entries, rewrite } = await unpacked([{ path: "lib/x", content: "" }], { lower });
  expect(entries.map(({ path }) => path)).toEqual(["usr", "usr/lib", "usr/lib/x"]);
  expect(rewrite.isDependent).toBe(true);
  expect((await unpacked([{ path: "new/x" }], { lower })).rewrite.isDependent).toBe(false);
});

test("U3: hard links lead to files of the layer, and to nothing else", async () => {
  const good: TarMember[] = [
    { path: "d/f", content: "" },
    { path: "l", type: "hardlink", linkname: "d/f" },
  ];
  expect((await lines(good)).at(-1)).toBe("hardlink l d/f");
  for (const linkname of ["nowhere", "d", "etc/passwd"]) {
    const members: TarMember[] = [
      { path: "d", type: "dir" },
      { path: "l", type: "hardlink", linkname },
    ];
    await expect(unpacked(members)).rejects.toMatchObject({ code: "LAYER_INVALID" });
  }
});

test("U3: a hard link through a link leads where that leads", async () => {
  const members: TarMember[] = [
    { path: "d/f", content: "" },
    { path: "s", type: "symlink", linkname: "/../d" },
    { path: "l", type: "hardlink", linkname: "s/f" },
  ];
  expect((await lines(members)).at(-1)).toBe("hardlink l d/f");
});

test.each([".wh.", ".wh..", ".wh...", "d/.wh."])("U6: refuses the whiteout %j of nothing", async (path) => {
  await expect(unpacked([{ path }])).rejects.toMatchObject({ code: "LAYER_INVALID" });
});

test("U6: whiteouts come last, the first as a device and the others linked to it", async () => {
  const members: TarMember[] = [{ path: "d/.wh.a" }, { path: ".wh.b" }, { path: "d/f" }, { path: ".wh..wh.plnk" }];
  expect(await lines(members)).toEqual(["dir d", "file d/f", "char d/a", "hardlink b d/a"]);
});

test("U6: a whiteout of what the layer has reaches lower layers only", async () => {
  const members: TarMember[] = [{ path: ".wh.f" }, { path: "f" }, { path: "d", type: "dir" }, { path: ".wh.d" }];
  expect(await lines(members)).toEqual(["file f", "dir d", "dir d opaque"]);
});

test("U6: an opaque mark holds wherever it stands", async () => {
  for (const members of [
    [{ path: "d/.wh..wh..opq" }, { path: "d", type: "dir" }, { path: "d/f" }],
    [{ path: "d", type: "dir" }, { path: "d/f" }, { path: "d/.wh..wh..opq" }],
  ] as TarMember[][]) {
    const { rewrite } = await unpacked(members);
    expect([...rewrite.opaque]).toEqual(["d"]);
    expect((await lines(members)).at(-1)).toBe("dir d opaque");
  }
});

test("U7: drops what speaks to overlayfs, and keeps the rest", async () => {
  const names = ["trusted.overlay.redirect", "user.overlay.opaque", "user.mine", "trusted.mine", "security.capability"];
  const xattrs = new Map(names.map((name) => [name as ByteString, Buffer.from("v")]));
  const [forRoot] = (await unpacked([{ path: "f", xattrs }])).entries;
  expect([...forRoot!.xattrs!.keys()].sort()).toEqual(["security.capability", "trusted.mine", "user.mine"]);
  const [forUser] = (await unpacked([{ path: "f", xattrs }], { overlay: "user" })).entries;
  expect([...forUser!.xattrs!.keys()].sort()).toEqual(["security.capability", "user.mine"]);
});

test("U8: makes no device, and no whiteout that a layer brings as a device", async () => {
  const members: TarMember[] = [
    { path: "null", type: "char", devMajor: 1, devMinor: 3 },
    { path: "disk", type: "block", devMajor: 8 },
    { path: "forged", type: "char" },
    { path: "fifo", type: "fifo" },
  ];
  expect(await lines(members)).toEqual(["fifo fifo"]);
});

test("gives everything to root where nobody else exists, and refuses ids that do not exist", async () => {
  const members: TarMember[] = [{ path: "f", uid: 1000, gid: 70_000 }];
  expect((await unpacked(members, { ids: "root" })).entries[0]).toMatchObject({ uid: 0, gid: 0 });
  await expect(unpacked(members)).rejects.toMatchObject({ code: "LAYER_INVALID" });
});

test("U6: without an overlay, whiteouts and opaque directories are remembered and nothing stands for them", async () => {
  const members: TarMember[] = [
    { path: "d", type: "dir" },
    { path: "d/.wh.gone" },
    { path: "o", type: "dir" },
    { path: "o/.wh..wh..opq" },
    { path: ".wh.again" },
    { path: "again", type: "dir" },
  ];
  const { entries, rewrite } = await unpacked(members, { overlay: "none" });
  expect(entries.map(({ type, path, xattrs }) => `${type} ${path}${xattrs === undefined ? "" : " marked"}`)).toEqual([
    "dir d",
    "dir o",
    "dir again",
  ]);
  expect([[...rewrite.hidden], [...rewrite.opaque].sort()]).toEqual([["d/gone"], ["again", "o"]]);
});

test("U6: for who applies layers itself, whiteouts stay whiteouts, and those of the layer's own files go", async () => {
  const members: TarMember[] = [
    { path: "d/.wh..wh..opq" },
    { path: "d", type: "dir" },
    { path: "d/new" },
    { path: "e/.wh.gone" },
    { path: "e/.wh.kept" },
    { path: "e/kept" },
    { path: "f/.wh.g" },
    { path: "f/g", type: "dir" },
    { path: "n", type: "char" },
  ];
  expect(await lines(members, { overlay: "oci" })).toEqual([
    "dir d",
    "dir d",
    "file d/new",
    "dir e",
    "file e/kept",
    "dir f",
    "dir f/g",
    "file e/.wh.gone",
    "file d/.wh..wh..opq",
    "file f/g/.wh..wh..opq",
  ]);
});

test("takes names that delete something in a layer as they are where there is nothing to delete", async () => {
  const members: TarMember[] = [{ path: ".wh.a" }, { path: ".wh.d", type: "dir" }, { path: ".wh.d/.wh..wh..opq" }];
  const { entries, rewrite } = await unpacked(members, { overlay: "none", isPlain: true });
  expect(entries.map(({ path }) => path)).toEqual([".wh.a", ".wh.d", ".wh.d/.wh..wh..opq"]);
  expect([...rewrite.hidden, ...rewrite.opaque]).toEqual([]);
});

test("U2: forgets what was deleted below a directory that a link takes the place of", async () => {
  const members: TarMember[] = [
    { path: "d", type: "dir" },
    { path: "d/.wh.gone", content: "" },
    { path: "d/.wh..wh..opq", content: "" },
    { path: "d", type: "symlink", linkname: "/elsewhere" },
  ];
  expect(await lines(members)).toEqual(["dir d", "symlink d /elsewhere"]);
});
