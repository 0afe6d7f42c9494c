import { expect, test } from "vitest";
import { changesetRewrite } from "../../../src/executor/kit/changeset.js";
import type { ByteString } from "../../../src/util/bytes.js";
import type { TarMember } from "../../support/tar-bytes.js";
import { rewritten } from "./rewritten.js";

const ROOT = { mode: 0o755, uid: 0, gid: 0 };
const OPTIONS = { executor: "test", limitBytes: 1000, root: ROOT };

async function lines(members: readonly TarMember[], options = OPTIONS): Promise<string[]> {
  const entries = await rewritten(members, changesetRewrite(options));
  return entries.map(({ path, type, content }) => `${type} ${path} ${content}`.trim());
}

test("turns devices of number zero and opaque directories into whiteouts", async () => {
  const opaque = new Map([["trusted.overlay.opaque" as ByteString, Buffer.from("y")]]);
  const userOpaque = new Map([["user.overlay.opaque" as ByteString, Buffer.from("y")]]);
  const impure = new Map([["trusted.overlay.impure" as ByteString, Buffer.from("y")]]);
  const members: TarMember[] = [
    { path: "a", type: "dir", xattrs: opaque },
    { path: "a/f", content: "content" },
    { path: "b", type: "dir", xattrs: userOpaque },
    { path: "c", type: "dir", xattrs: impure },
    { path: "c/gone", type: "char" },
    { path: "gone", type: "char" },
    { path: "null", type: "char", devMajor: 1, devMinor: 3 },
  ];
  expect(await lines(members)).toEqual([
    "dir a",
    "file a/.wh..wh..opq",
    "file a/f content",
    "dir b",
    "file b/.wh..wh..opq",
    "dir c",
    "file c/.wh.gone",
    "file .wh.gone",
    "char null",
  ]);
});

test("leaves the top directory out unless it has changed", async () => {
  expect(await lines([{ path: "", type: "dir", mode: 0o755 }])).toEqual([]);
  expect(await lines([{ path: "", type: "dir", mode: 0o700 }])).toEqual(["dir"]);
});

test("keeps attributes of the image and none of overlayfs", async () => {
  const names = ["security.capability", "user.mine", "trusted.overlay.origin", "security.selinux"];
  const xattrs = new Map(names.map((name) => [name as ByteString, Buffer.from("v")]));
  const [entry] = await rewritten([{ path: "f", xattrs }], changesetRewrite(OPTIONS));
  expect([...entry!.xattrs!.keys()].sort()).toEqual(["security.capability", "user.mine"]);
});

test("X5: stops above the limit, counting all files", async () => {
  const members = [600, 600].map((size, at): TarMember => ({ path: `f${at}`, content: "x".repeat(size) }));
  await expect(lines(members)).rejects.toMatchObject({ code: "EXECUTOR_FAILED" });
  expect(await lines(members, { ...OPTIONS, limitBytes: 1200 })).toHaveLength(2);
});
