import { describe, expect, test } from "vitest";
import { memoryTree } from "../../../src/context/memory-tree.js";
import { resolveOwner } from "../../../src/layers/copy/owner.js";

const IMAGE = memoryTree({
  "etc/passwd": "root:x:0:0:root:/root:/bin/sh\napp:x:1000:1001::/:\n# app2\nshort:x\nnoid:x::\n",
  "etc/group": "root:x:0:\nstaff:x:50:app\n",
});

describe("an owner", () => {
  test.each([
    ["5", { uid: 5, gid: 5 }],
    ["5:6", { uid: 5, gid: 6 }],
    ["root", { uid: 0, gid: 0 }],
    ["app", { uid: 1000, gid: 1001 }],
    ["app:staff", { uid: 1000, gid: 50 }],
    ["app:7", { uid: 1000, gid: 7 }],
    ["7:staff", { uid: 7, gid: 50 }],
    ["2147483647", { uid: 2_147_483_647, gid: 2_147_483_647 }],
  ])("%j is %j", (text, owner) => {
    expect(resolveOwner(text, IMAGE, () => {})).toEqual(owner);
  });

  test("that the image does not know is 0, with a warning that names it", () => {
    const warnings: string[] = [];
    expect(resolveOwner("ghost:spirits", IMAGE, (message) => warnings.push(message))).toEqual({ uid: 0, gid: 0 });
    expect(warnings.join("\n")).toMatch(/"ghost".*\n.*"spirits"/);
  });

  test("by name needs an image", () => {
    expect(() => resolveOwner("app", undefined, () => {})).toThrow(
      expect.objectContaining({ code: "LAYER_UNKNOWN_USER" }),
    );
    expect(resolveOwner("1:2", undefined, () => {})).toEqual({ uid: 1, gid: 2 });
  });

  test("U8: is never read from what is no regular file, nor from an endless one", () => {
    for (const type of ["fifo", "dir"] as const) {
      const tree = memoryTree({ "etc/passwd": { type } as never });
      expect(() => resolveOwner("app", tree, () => {})).toThrow(expect.objectContaining({ code: "LAYER_COPY" }));
    }
    const large = memoryTree({ "etc/passwd": Buffer.alloc((10 << 20) + 1) });
    expect(() => resolveOwner("app", large, () => {})).toThrow(expect.objectContaining({ code: "LAYER_COPY" }));
  });

  test("is looked up through links inside the image only", () => {
    const tree = memoryTree({
      "etc/passwd": { type: "symlink", target: "../../../../users" },
      users: "app:x:12:13::/:\n",
    });
    expect(resolveOwner("app", tree, () => {})).toEqual({ uid: 12, gid: 13 });
  });
});
