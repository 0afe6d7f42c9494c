/** Mounts of all types, and that nothing of them is left. */
import { deepEqual, equal, ok, rejects } from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync, statSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Mount } from "../../executor/contract.js";
import { type ExecutorCase, has } from "./case.js";
import type { Lab, LayerMember } from "./lab.js";

const OWNED_BY_ROOT = { mode: 0o400, uid: 0, gid: 0 } as const;

function cache(lab: Lab, id: string, more: Partial<Mount & { type: "cache" }> = {}): Mount {
  const seed = lab.files([]);
  const rest = { sharing: "shared", readOnly: false, mode: 0o755, uid: 0, gid: 0, ...more } as const;
  return { type: "cache", id, seed, path: "/", target: "/cache", ...rest };
}

/** Major and minor number of each disk. */
function blockDevices(): string[] {
  const lines = readFileSync("/proc/partitions", "latin1").split("\n");
  return lines.flatMap((line) => /^\s*(\d+)\s+(\d+)\s/.exec(line)?.slice(1, 3).join(" ") ?? []);
}

function readOnlyBinds(lab: Lab): Mount[] {
  const source = lab.files([lab.layer([{ path: "d/f", content: "bound" }])]);
  return [
    { type: "bind", source, path: "/d", target: "/made/dir", readOnly: true },
    { type: "bind", source, path: "/d/f", target: "/made/file", readOnly: true },
  ];
}

export const MOUNT_CASES: readonly ExecutorCase[] = [
  {
    name: "a bind mount shows files of another file system, and nothing of it is kept",
    async run(executor, lab) {
      const script =
        "cat /made/dir/f /made/file; touch /made/dir/x 2>/dev/null; (echo y > /made/file) 2>/dev/null; ls -d /made";
      const mounts = readOnlyBinds(lab);
      const { stdout, changes } = await lab.run(executor, { script, mounts });
      equal(stdout, "boundbound/made\n");
      deepEqual([...changes.keys()], []);
      const again = await lab.run(executor, { script: "cat /made/dir/f /made/file; ls /made/dir", mounts });
      equal(again.stdout, "boundboundf\n");
    },
  },
  {
    name: "a read-only bind mount cannot be written",
    needs: has("read-only"),
    async run(executor, lab) {
      const script =
        "touch /made/dir/x 2>/dev/null && echo written; (echo y > /made/file) 2>/dev/null && echo written; echo end";
      equal((await lab.run(executor, { script, mounts: readOnlyBinds(lab) })).stdout, "end\n");
    },
  },
  {
    name: "what is written to a writable bind mount is dropped",
    async run(executor, lab) {
      const source = lab.files([lab.layer([{ path: "f", content: "old" }])]);
      const mounts: Mount[] = [{ type: "bind", source, path: "/", target: "/m", readOnly: false }];
      const first = await lab.run(executor, { script: "echo new > /m/f; touch /m/x; cat /m/f", mounts });
      equal(first.stdout, "new\n");
      equal(first.changes.size, 0);
      equal((await lab.run(executor, { script: "cat /m/f; ls /m", mounts })).stdout, "oldf\n");
    },
  },
  {
    name: "mounts may be inside mounts",
    async run(executor, lab) {
      const source = lab.files([lab.layer([{ path: "a", content: "a" }])]);
      const mounts: Mount[] = [
        { type: "bind", source, path: "/", target: "/m", readOnly: false },
        { type: "tmpfs", target: "/m/sub", sizeBytes: undefined },
        { type: "tmpfs", target: "/m/sub/deep/er", sizeBytes: undefined },
      ];
      const script = "touch /m/sub/x /m/sub/deep/er/y; ls /m/sub; cat /m/a";
      const { stdout, changes } = await lab.run(executor, { script, mounts });
      equal(stdout, "deep\nx\na");
      equal(changes.size, 0);
    },
  },
  {
    name: "a tmpfs is empty and keeps nothing",
    async run(executor, lab) {
      const mounts: Mount[] = [{ type: "tmpfs", target: "/var/lib", sizeBytes: undefined }];
      const { stdout, changes } = await lab.run(executor, { script: "ls /var/lib; touch /var/lib/x", mounts });
      equal(stdout, "");
      equal(changes.size, 0);
    },
  },
  {
    name: "a tmpfs has the size asked for",
    needs: has("tmpfs-size"),
    async run(executor, lab) {
      const mounts: Mount[] = [{ type: "tmpfs", target: "/var/lib", sizeBytes: 1024 * 1024 }];
      const { stdout } = await lab.run(executor, { script: "df -k /var/lib | awk 'NR==2{print $2}'", mounts });
      equal(stdout, "1024\n");
    },
  },
  {
    name: "a tmpfs has the rights of the directory it covers, and else everybody's",
    needs: ({ mounts }) => mounts.includes("tmpfs"),
    async run(executor, lab) {
      const mounts: Mount[] = [
        { type: "tmpfs", target: "/made", sizeBytes: undefined },
        { type: "tmpfs", target: "/kept", sizeBytes: undefined },
      ];
      const { stdout } = await lab.run(executor, {
        layers: [[{ path: "kept", type: "dir", mode: 0o750 }]],
        script: "stat -c %a /made /kept /dev/shm",
        mounts,
      });
      equal(stdout, "1777\n750\n1777\n");
    },
  },
  {
    name: "U8: no device of the machine opens by a node that the command makes",
    needs: ({ boundary }) => boundary !== "none",
    async run(executor, lab) {
      const mounts: Mount[] = [{ type: "tmpfs", target: "/t", sizeBytes: undefined }, cache(lab, "devices")];
      const nodes = ["c 1 1", "c 10 229", "c 10 237", ...blockDevices().map((numbers) => `b ${numbers}`)];
      const tries = nodes.map(
        (node) => `mknod -m 666 $d/n ${node} 2>/dev/null && (: < $d/n) 2>/dev/null && echo "$d ${node}"; rm -f $d/n`,
      );
      const script = `for d in / /tmp /dev /dev/shm /t /cache; do\n${tries.join("\n")}\ndone; true`;
      equal((await lab.run(executor, { script, mounts })).stdout, "");
    },
  },
  {
    name: "U8: what a command does to a device is done to neither the machine's nor a later command's",
    async run(executor, lab) {
      const rights = (): number | undefined => statSync("/dev/full", { throwIfNoEntry: false })?.mode;
      const before = rights();
      await lab.run(executor, { script: "chmod 600 /dev/full 2>/dev/null; chown 7 /dev/full 2>/dev/null; true" });
      equal(rights(), before);
      equal((await lab.run(executor, { script: "stat -c %a /dev/full" })).stdout, "666\n");
    },
  },
  {
    name: "a cache keeps what is written, for its id and seed alone",
    async run(executor, lab) {
      const mounts = [cache(lab, "../one")];
      equal((await lab.run(executor, { script: "ls /cache; echo kept > /cache/f", mounts })).changes.size, 0);
      equal((await lab.run(executor, { script: "cat /cache/f", mounts })).stdout, "kept\n");
      equal((await lab.run(executor, { script: "ls /cache", mounts: [cache(lab, "two")] })).stdout, "");
      const readOnly = [cache(lab, "../one", { readOnly: true })];
      await lab.run(executor, { script: "touch /cache/x 2>/dev/null || true", mounts: readOnly });
      equal((await lab.run(executor, { script: "ls /cache", mounts })).stdout, "f\n");
    },
  },
  {
    name: "a read-only cache cannot be written",
    needs: has("read-only"),
    async run(executor, lab) {
      const mounts = [cache(lab, "read only", { readOnly: true })];
      const { stdout } = await lab.run(executor, { script: "touch /cache/x 2>/dev/null || echo no", mounts });
      equal(stdout, "no\n");
    },
  },
  {
    name: "a new cache has what its seed has, and the mode asked for",
    async run(executor, lab) {
      const seed = lab.files([lab.layer([{ path: "d/f", content: "seeded", mode: 0o600 }])]);
      const mounts = [cache(lab, "seeded", { seed, path: "/d", mode: 0o750 })];
      const { stdout } = await lab.run(executor, {
        script: "stat -c %a /cache; stat -c %a /cache/f; cat /cache/f",
        mounts,
      });
      equal(stdout, "750\n600\nseeded");
    },
  },
  {
    name: "the owner of a new cache is the one asked for",
    needs: ({ ids }) => ids === "all",
    async run(executor, lab) {
      const mounts = [cache(lab, "owned", { uid: 5, gid: 6, mode: 0o700 })];
      equal((await lab.run(executor, { script: "stat -c '%u %g' /cache", mounts })).stdout, "5 6\n");
    },
  },
  {
    name: "a locked cache serves one command at a time, a private one gives each its own",
    async run(executor, lab) {
      const script = "test -e /cache/busy && echo together; touch /cache/busy; sleep 0.3; rm /cache/busy";
      for (const sharing of ["locked", "private"] as const) {
        const mounts = [cache(lab, `excl-${sharing}`, { sharing })];
        const results = await Promise.all([1, 2, 3].map(() => lab.run(executor, { script, mounts })));
        deepEqual(
          results.map(({ stdout, exitCode }) => `${exitCode}${stdout}`),
          ["0", "0", "0"],
        );
      }
    },
  },
  {
    name: "L1: a secret is a variable of the command, and nowhere else",
    async run(executor, lab) {
      const word = "w0rd with 'quotes' and $x";
      const mounts: Mount[] = [{ type: "secret", id: "word", target: undefined, env: "WORD", ...OWNED_BY_ROOT }];
      const script = 'echo "$WORD"; cat /proc/*/cmdline 2>/dev/null | grep -c "w[0]rd"';
      const secrets = { word: Buffer.from(word) };
      const { stdout, changes } = await lab.run(executor, { args: ["/bin/sh", "-c", script], mounts, secrets });
      equal(stdout, `${word}\n0\n`);
      equal(changes.size, 0);
    },
  },
  {
    name: "L1: a secret is a file of the command, and nowhere else",
    needs: has("secret-files"),
    async run(executor, lab) {
      const value = Buffer.from("s3cret\0\n%s\\'\xff", "latin1");
      const mounts: Mount[] = [
        { type: "secret", id: "bytes", target: "/run/secrets/bytes", env: undefined, ...OWNED_BY_ROOT },
      ];
      const script = 'base64 /run/secrets/bytes; stat -c "%a %u %g" /run/secrets/bytes';
      const { stdout, changes } = await lab.run(executor, { script, mounts, secrets: { bytes: value } });
      const lines = stdout.split("\n");
      equal(Buffer.from(lines[0]!, "base64").toString("latin1"), value.toString("latin1"));
      equal(lines[1], "400 0 0");
      equal(changes.size, 0);
    },
  },
  {
    name: "an agent's socket answers where it is mounted",
    needs: ({ mounts }) => mounts.includes("ssh"),
    async run(executor, lab) {
      const folder = mkdtempSync(join(tmpdir(), "agent-"));
      const server = createServer((socket) => socket.end("agent here\n"));
      try {
        const path = join(folder, "s");
        await new Promise<void>((resolve) => server.listen(path, resolve));
        const mounts: Mount[] = [{ type: "ssh", id: "default", target: "/run/agent.0", mode: 0o600, uid: 0, gid: 0 }];
        const script =
          'echo $SSH_AUTH_SOCK; test -S $SSH_AUTH_SOCK && stat -c "%a %u %g" $SSH_AUTH_SOCK; nc local:$SSH_AUTH_SOCK </dev/null 2>/dev/null || true';
        const { stdout, changes } = await lab.run(executor, { script, mounts, sshSocket: path });
        ok(stdout.startsWith("/run/agent.0\n600 0 0\n"), stdout);
        equal(changes.size, 0);
      } finally {
        server.close();
        rmSync(folder, { recursive: true, force: true });
      }
    },
  },
  {
    name: "a program of a heredoc can be run",
    async run(executor, lab) {
      const content = "#!/bin/sh\necho ran ü $1\n";
      const mounts: Mount[] = [{ type: "file", target: "/dev/pipes/EOF", content, mode: 0o755 }];
      const other: Mount[] = [{ type: "file", target: "/tmp/EOF", content, mode: 0o755 }];
      const result = await lab.run(executor, { args: ["/tmp/EOF", "x"], mounts: other });
      equal(result.stdout, "ran ü x\n");
      equal(result.changes.size, 0);
      equal((await lab.run(executor, { args: ["/bin/sh", "/dev/pipes/EOF", "y"], mounts })).stdout, "ran ü y\n");
    },
  },
  {
    name: "L4: mount points and system files leave no trace, nor touch what they are in",
    async run(executor, lab) {
      const members: LayerMember[] = [{ path: "home", type: "dir", mtimeSeconds: 1_234_567_890 }];
      const mounts: Mount[] = [
        { type: "tmpfs", target: "/home/a/b", sizeBytes: undefined },
        cache(lab, "trace", { target: "/home/c" }),
      ];
      const script = "stat -c %Y /home; touch /dev/x /dev/shm/y /home/a/b/z /home/c/z";
      const { stdout, changes } = await lab.run(executor, { layers: [members], script, mounts });
      equal(stdout, "1234567890\n");
      deepEqual([...changes.keys()], []);
    },
  },
  {
    name: "X1: mount targets are looked up inside the image",
    async run(executor, lab) {
      const members: LayerMember[] = [
        { path: "abs", type: "symlink", linkname: "/real/deep" },
        { path: "up", type: "symlink", linkname: "../../../../up-target" },
        { path: "etc", type: "dir" },
        { path: "etc/resolv.conf", type: "symlink", linkname: "../run/resolved/stub.conf" },
        { path: "etc/.wh.hosts" },
      ];
      const mounts: Mount[] = [
        { type: "tmpfs", target: "/abs/x", sizeBytes: undefined },
        { type: "tmpfs", target: "/up", sizeBytes: undefined },
      ];
      const script =
        "touch /real/deep/x/1 /up-target/2; ls /real/deep/x /up-target; test -f /run/resolved/stub.conf && grep -q localhost /etc/hosts && echo own";
      const { stdout, changes } = await lab.run(executor, { layers: [members], script, mounts });
      equal(stdout, "/real/deep/x:\n1\n\n/up-target:\n2\nown\n");
      deepEqual([...changes.keys()], []);
    },
  },
  {
    name: "X1: an image whose /proc is a link or a file is refused or harmless",
    async run(executor, lab) {
      const asLink: LayerMember[] = [{ path: "proc", type: "symlink", linkname: "/etc" }];
      const asFile: LayerMember[] = [{ path: "proc", content: "x" }];
      const result = await lab.run(executor, { layers: [asLink], script: "true" }).catch((error: unknown) => error);
      ok(result instanceof Error || (result as { exitCode: number }).exitCode === 0);
      await rejects(lab.run(executor, { layers: [asFile], script: "true" }), { code: "EXECUTOR_FAILED" });
    },
  },
];
