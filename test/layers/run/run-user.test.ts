import { describe, expect, test } from "vitest";
import { emptyTree } from "../../../src/layers/fs/fs-tree.js";
import { runUser } from "../../../src/layers/run/run-user.js";
import { packChanges } from "../../../src/testing/fake-executor.js";
import { withLayer } from "../../support/fs-model.js";

const PASSWD = `root:x:0:0:root:/root:/bin/sh
daemon:x:1:1:daemon:/usr/sbin:/bin/false
sync:x:4:100:sync:/bin:/bin/sync
odd:x:77:78::
broken
`;
const GROUP = `root:x:0:
wheel:x:10:root,daemon
staff:x:50:daemon
users:x:100:daemon,sync
`;

const tree = await withLayer(
  emptyTree("test"),
  packChanges([
    { path: "etc", type: "dir" },
    { path: "etc/passwd", content: PASSWD },
    { path: "etc/group", content: GROUP },
  ]),
);

describe("who a command runs as", () => {
  test.each([
    ["", { uid: 0, gid: 0, additionalGids: [10], home: "/root" }],
    ["root", { uid: 0, gid: 0, additionalGids: [10], home: "/root" }],
    ["0", { uid: 0, gid: 0, additionalGids: [10], home: "/root" }],
    ["0:0", { uid: 0, gid: 0, additionalGids: [], home: "/root" }],
    ["root:root", { uid: 0, gid: 0, additionalGids: [], home: "/root" }],
    ["daemon", { uid: 1, gid: 1, additionalGids: [10, 50, 100], home: "/usr/sbin" }],
    ["1", { uid: 1, gid: 1, additionalGids: [10, 50, 100], home: "/usr/sbin" }],
    ["sync", { uid: 4, gid: 100, additionalGids: [], home: "/bin" }],
    ["daemon:staff", { uid: 1, gid: 50, additionalGids: [], home: "/usr/sbin" }],
    ["daemon:4242", { uid: 1, gid: 4242, additionalGids: [], home: "/usr/sbin" }],
    [":100", { uid: 0, gid: 100, additionalGids: [], home: "/root" }],
    ["4242", { uid: 4242, gid: 0, additionalGids: [], home: "/" }],
    ["4242:4343", { uid: 4242, gid: 4343, additionalGids: [], home: "/" }],
    ["4294967295:4294967295", { uid: 4294967295, gid: 4294967295, additionalGids: [], home: "/" }],
    ["odd", { uid: 77, gid: 78, additionalGids: [], home: "/" }],
  ])('USER "%s"', (text, expected) => {
    expect(runUser(tree, text)).toEqual(expected);
  });

  test.each([
    ["nosuch", "unable to find user nosuch: no matching entries in passwd file"],
    ["daemon:nosuch", "unable to find group nosuch: no matching entries in group file"],
    ["__proto__", "unable to find user __proto__: no matching entries in passwd file"],
    ["2147483648", "unable to find user 2147483648: uids and gids must be in range 0-2147483647"],
    ["-1", "unable to find user -1: uids and gids must be in range 0-2147483647"],
  ])('USER "%s" is an error', (text, message) => {
    expect(() => runUser(tree, text)).toThrow(message);
  });

  test("without /etc/passwd there are ids only, and root where none is named", () => {
    const scratch = emptyTree("test");
    expect(runUser(scratch, "")).toEqual({ uid: 0, gid: 0, additionalGids: [], home: "/" });
    expect(runUser(scratch, "5:6")).toEqual({ uid: 5, gid: 6, additionalGids: [], home: "/" });
    expect(() => runUser(scratch, "someone")).toThrow("unable to find user someone: invalid argument");
    expect(() => runUser(scratch, "55")).toThrow("unable to find user 55: invalid argument");
  });

  test("U8: a FIFO in the place of /etc/passwd is not opened", async () => {
    const odd = await withLayer(
      emptyTree("test"),
      packChanges([
        { path: "etc", type: "dir" },
        { path: "etc/passwd", type: "fifo" },
      ]),
    );
    expect(() => runUser(odd, "daemon")).toThrow("unable to find user daemon: invalid argument");
  });
});
