/** What a command sees of the layers, and what comes back of its changes. */
import { deepEqual, equal, ok, rejects } from "node:assert/strict";
import { type ByteString, bytesOf } from "../../util/bytes.js";
import type { ExecutorCase } from "./case.js";
import type { LayerMember } from "./lab.js";

const CAPABILITY = "security.capability" as ByteString;
/** cap_net_raw+ep */
const NET_RAW = Buffer.from("0100000200200000000000000000000000000000", "hex");

export const FILE_CASES: readonly ExecutorCase[] = [
  {
    name: "new files come back with content, mode and owner",
    async run(executor, lab) {
      const script =
        "echo one > /a; mkdir /d; chmod 2751 /d; echo two > /d/b; chmod 4750 /d/b; ln -s ../x /d/l; mkfifo /p";
      const { exitCode, changes, stderr } = await lab.run(executor, { script });
      equal(exitCode, 0, stderr);
      deepEqual([...changes.keys()].sort(), ["a", "d", "d/b", "d/l", "p"].concat(opaques(changes, ["d"])).sort());
      equal(changes.get("a")!.content.toString(), "one\n");
      equal(changes.get("a")!.mode, 0o644);
      equal(changes.get("d")!.mode, 0o2751);
      equal(changes.get("d/b")!.mode, 0o4750);
      equal(changes.get("d/l")!.linkname, "../x");
      equal(changes.get("p")!.type, "fifo");
      equal(changes.get("a")!.uid, 0);
    },
  },
  {
    name: "owners are those inside, both ways",
    needs: ({ ids }) => ids === "all",
    async run(executor, lab) {
      const members: LayerMember[] = [{ path: "mine", content: "x", uid: 1000, gid: 50, mode: 0o640 }];
      const script = "stat -c '%u %g %a' /mine; chown 7:8 /mine; touch /n; chown 65000:65001 /n";
      const { stdout, changes } = await lab.run(executor, { layers: [members], script });
      equal(stdout, "1000 50 640\n");
      deepEqual([changes.get("mine")!.uid, changes.get("mine")!.gid], [7, 8]);
      deepEqual([changes.get("n")!.uid, changes.get("n")!.gid], [65000, 65001]);
    },
  },
  {
    name: "deleted files come back as whiteouts",
    async run(executor, lab) {
      const { changes } = await lab.run(executor, { script: "rm /etc/passwd; rm -r /var/lib" });
      deepEqual([...changes.keys()].sort(), ["etc", "etc/.wh.passwd", "var", "var/.wh.lib"]);
      equal(changes.get("etc/.wh.passwd")!.size, 0);
    },
  },
  {
    name: "a directory that takes the place of another hides what was in it",
    async run(executor, lab) {
      const { changes } = await lab.run(executor, { script: "rm -r /var/lib; mkdir /var/lib; echo n > /var/lib/n" });
      const hides =
        changes.has("var/lib/.wh..wh..opq") || (changes.has("var/lib/.wh.a") && changes.has("var/lib/.wh.b"));
      ok(hides, [...changes.keys()].join(" "));
      ok(changes.has("var/lib/n"));
    },
  },
  {
    name: "whiteouts and opaque directories of layers hide what is below, and nothing above",
    async run(executor, lab) {
      const first: LayerMember[] = [
        { path: "one/.wh..wh..opq" },
        { path: "one", type: "dir" },
        { path: "one/new", content: "" },
        { path: "two", type: "dir" },
        { path: "two/.wh.a" },
        { path: "two/.wh.b" },
        { path: "two/b", content: "again" },
      ];
      const below: LayerMember[] = [
        { path: "one", type: "dir" },
        { path: "one/old", content: "" },
        { path: "two", type: "dir" },
        { path: "two/a", content: "" },
        { path: "two/b", content: "old" },
      ];
      const { stdout } = await lab.run(executor, { layers: [below, first], script: "ls /one /two; cat /two/b" });
      equal(stdout, "/one:\nnew\n\n/two:\nb\nagain");
    },
  },
  {
    name: "hard links stay hard links",
    async run(executor, lab) {
      const members: LayerMember[] = [
        { path: "x", content: "linked" },
        { path: "y", type: "hardlink", linkname: "x" },
      ];
      const script = "stat -c %h /y; echo z > /a; ln /a /b";
      const { stdout, changes } = await lab.run(executor, { layers: [members], script });
      equal(stdout, "2\n");
      const [a, b] = [changes.get("a")!, changes.get("b")!];
      equal([a, b].filter(({ type }) => type === "hardlink").length, 1);
      equal(a.type === "hardlink" ? a.linkname : b.linkname, a.type === "hardlink" ? "b" : "a");
    },
  },
  {
    name: "file capabilities survive both ways",
    async run(executor, lab) {
      const xattrs = new Map([[CAPABILITY, NET_RAW]]);
      const members: LayerMember[] = [{ path: "ping", content: "x", mode: 0o755, xattrs }];
      const { changes } = await lab.run(executor, { layers: [members], script: "mv /ping /pong" });
      deepEqual(changes.get("pong")!.xattrs?.get(CAPABILITY), NET_RAW);
    },
  },
  {
    name: "U7: attributes and devices by which a layer speaks to overlayfs do nothing",
    async run(executor, lab) {
      const below: LayerMember[] = [
        { path: "d", type: "dir" },
        { path: "d/f", content: "seen" },
      ];
      const yes = Buffer.from("y");
      const xattrs = new Map([
        ["trusted.overlay.opaque" as ByteString, yes],
        ["user.overlay.opaque" as ByteString, yes],
      ]);
      const forged: LayerMember[] = [
        { path: "d", type: "dir", xattrs },
        { path: "d/g", type: "char" },
      ];
      const { stdout } = await lab.run(executor, { layers: [below, forged], script: "cat /d/f" });
      equal(stdout, "seen");
    },
  },
  {
    name: "a layer may leave out parents: those below stay as they are",
    async run(executor, lab) {
      const below: LayerMember[] = [{ path: "p", type: "dir", mode: 0o1777 }];
      const sparse: LayerMember[] = [{ path: "p/new/file", content: "x" }, { path: "p/.wh.nothing" }];
      const { stdout } = await lab.run(executor, { layers: [below, sparse], script: "stat -c %a /p; cat /p/new/file" });
      equal(stdout, "1777\nx");
    },
  },
  {
    name: "U2: a layer's entries go through links inside the root only",
    async run(executor, lab) {
      const below: LayerMember[] = [
        { path: "real", type: "dir" },
        { path: "link", type: "symlink", linkname: "/real" },
        { path: "out", type: "symlink", linkname: "../../../.." },
      ];
      const through: LayerMember[] = [
        { path: "link/in", content: "in" },
        { path: "out/escaped", content: "kept" },
        { path: "own", type: "symlink", linkname: "real" },
        { path: "own/second", content: "2" },
      ];
      const { stdout } = await lab.run(executor, {
        layers: [below, through],
        script: "readlink /link; cat /real/in /escaped /real/second",
      });
      equal(stdout, "/real\ninkept2");
    },
  },
  {
    name: "large and sparse files come back whole",
    async run(executor, lab) {
      const script =
        "dd if=/dev/zero of=/sparse bs=1 count=1 seek=5000000 2>/dev/null; yes 2>/dev/null | head -c 3000001 > /big || awk 'BEGIN{for(i=0;i<1500000;i++)print \"y\"}' > /big";
      const { changes } = await lab.run(executor, { script });
      equal(changes.get("sparse")!.size, 5_000_001);
      ok(changes.get("sparse")!.content.every((byte) => byte === 0));
      ok(changes.get("big")!.content.toString("latin1").startsWith("y\ny\n"));
    },
  },
  {
    name: "names are bytes",
    async run(executor, lab) {
      const members: LayerMember[] = [{ path: "grün \n'\"\\", content: "x" }];
      const { changes, exitCode } = await lab.run(executor, {
        layers: [members],
        script: "cp '/grün \n'\\''\"\\' /ü; touch -- '/-n'",
      });
      equal(exitCode, 0);
      ok(changes.has(bytesOf("ü")));
      ok(changes.has("-n"));
    },
  },
  {
    name: "forty layers work",
    async run(executor, lab) {
      const layers = Array.from({ length: 40 }, (_, index): LayerMember[] => [
        { path: "many", type: "dir" },
        { path: `many/${index}`, content: String(index) },
        { path: "last", content: String(index) },
      ]);
      const { stdout } = await lab.run(executor, { layers, script: "ls /many | wc -l; cat /last" });
      equal(stdout.replace(/\s+/g, " "), "40 39");
    },
  },
  {
    name: "an empty file system works with a mount to run from",
    async run(executor, lab) {
      const source = lab.files([lab.base]);
      const mounts = [{ type: "bind", source, path: "/bin", target: "/bin", readOnly: true }] as const;
      const { stdout, changes } = await lab.runOver(executor, lab.files([]), {
        script: "echo made > /f; cat /f",
        mounts,
      });
      equal(stdout, "made\n");
      deepEqual([...changes.keys()], ["f"]);
    },
  },
  {
    name: "U5: a layer that breaks off is an error, and nothing of it is used afterwards",
    async run(executor, lab) {
      const diffId = lab.layer([
        { path: "etc/passwd", type: "symlink", linkname: "/trap" },
        { path: "f", content: "x".repeat(100_000) },
      ]);
      const rootfs = lab.files([lab.base, diffId]);
      const whole = lab.change(diffId, (tar) => tar.subarray(0, 50_000));
      await rejects(lab.runOver(executor, rootfs, {}));
      lab.change(diffId, () => whole);
      const { stdout } = await lab.runOver(executor, rootfs, { script: "wc -c < /f; readlink /etc/passwd" });
      equal(stdout.trim(), "100000\n/trap");
    },
  },
  {
    name: "layers are opened once, however many commands run over them",
    async run(executor, lab) {
      await lab.run(executor, {});
      const opened = lab.opened.length;
      await lab.run(executor, {});
      await lab.run(executor, {});
      equal(lab.opened.length, opened);
    },
  },
];

/** A directory that is new may say that nothing is below it. */
function opaques(changes: ReadonlyMap<string, unknown>, folders: readonly string[]): string[] {
  return folders.map((folder) => `${folder}/.wh..wh..opq`).filter((path) => changes.has(path));
}
