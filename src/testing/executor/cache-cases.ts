/** The content of cache mounts, read and filled by who carries it between machines: for executors that have `caches`. */
import { deepEqual, equal, ok, rejects } from "node:assert/strict";
import { existsSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { CacheContent, CacheMount, Executor, ExecutorCaches } from "../../executor/contract.js";
import type { ExecutorCase } from "./case.js";
import { type Lab, type LayerMember, readChanges, tarOf } from "./lab.js";

const signal = new AbortController().signal;
const USUAL = { limitBytes: 2 ** 30, waitMs: 5000, signal };
/** The top directory of a cache. */
const TOP: LayerMember = { path: "", type: "dir", mode: 0o755 };

function cache(lab: Lab, id: string, more: Partial<CacheMount> = {}): CacheMount {
  const usual = { sharing: "shared", readOnly: false, mode: 0o755, uid: 0, gid: 0 } as const;
  return { type: "cache", id, seed: lab.files([]), path: "/", target: "/cache", ...usual, ...more };
}

function cachesOf(executor: Executor): ExecutorCaches {
  ok(executor.caches !== undefined);
  return executor.caches;
}

async function bytesOf(content: CacheContent): Promise<Buffer> {
  equal(content.state, "there");
  const chunks: Buffer[] = [];
  for await (const chunk of (content as CacheContent & { readonly state: "there" }).tar)
    chunks.push(Buffer.from(chunk));
  return Buffer.concat(chunks);
}

async function* inPieces(tar: Buffer): AsyncGenerator<Buffer> {
  for (let at = 0; at < tar.length; at += 1000) yield tar.subarray(at, at + 1000);
}

const giving = (members: readonly LayerMember[]) => async () => inPieces(tarOf(members));

export const CACHE_CASES: readonly ExecutorCase[] = [
  {
    name: "what is in a cache can be read, and fills a cache elsewhere: owners, modes, times, links",
    needs: ({ ids }, { caches }) => caches !== undefined && ids === "all",
    async run(executor, lab) {
      const caches = cachesOf(executor);
      const [from, to] = [cache(lab, "from", { uid: 3, gid: 4, mode: 0o2750 }), cache(lab, "to")];
      const script = `cd /cache; mkdir -p d/e; printf one > d/f; chown 5:6 d/f; chmod 4711 d/f; ln d/f hard; ln -s d/f soft
mkfifo pipe; printf x > .wh.name; touch -d @1234567890 d/f d/e; chown 1:2 d/e`;
      equal((await lab.run(executor, { script, mounts: [from] })).exitCode, 0);
      equal((await caches.read(to, USUAL)).state, "none");
      const tar = await bytesOf(await caches.read(from, USUAL));
      equal(await caches.fill(to, async () => inPieces(tar), { signal }), true);
      const look = "cd /cache; stat -c '%n %f %u %g %h' . * .wh.name d/*; stat -c %Y d/f d/e; readlink soft; cat hard";
      const seen = await lab.run(executor, { script: look, mounts: [from] });
      equal((await lab.run(executor, { script: look, mounts: [to] })).stdout, seen.stdout);
      ok(seen.stdout.includes("1234567890\n1234567890\nd/f\none"), seen.stdout);
      deepEqual(await bytesOf(await caches.read(to, USUAL)), tar);
    },
  },
  {
    name: "what is in a cache is the same tar as long as nothing changes, and what a seed brought is in it",
    needs: (_, { caches }) => caches !== undefined,
    async run(executor, lab) {
      const seed = lab.files([lab.layer([{ path: "d/f", content: "seeded" }])]);
      for (const sharing of ["shared", "locked", "private"] as const) {
        const mount = cache(lab, `seeded ${sharing}`, { seed, path: "/d", sharing });
        await lab.run(executor, { script: "echo made > /cache/g", mounts: [mount] });
        const tar = await bytesOf(await cachesOf(executor).read(mount, USUAL));
        deepEqual([...(await readChanges(inPieces(tar))).keys()], ["", "f", "g"]);
        await lab.run(executor, { script: "cat /cache/f /cache/g", mounts: [mount] });
        deepEqual(await bytesOf(await cachesOf(executor).read(mount, USUAL)), tar);
      }
    },
  },
  {
    name: "a cache that has something is not filled, and nothing is asked for",
    needs: (_, { caches }) => caches !== undefined,
    async run(executor, lab) {
      const mount = cache(lab, "has something");
      await lab.run(executor, { script: "echo own > /cache/f", mounts: [mount] });
      const asked = async (): Promise<never> => {
        throw new Error("it was asked for");
      };
      for (const sharing of ["shared", "locked", "private"] as const) {
        equal(await cachesOf(executor).fill({ ...mount, sharing }, asked, { signal }), false);
      }
      equal((await lab.run(executor, { script: "cat /cache/f", mounts: [mount] })).stdout, "own\n");
    },
  },
  {
    name: "a cache that is empty is filled, in place of its seed; and not when there is nothing to fill it with",
    needs: (_, { caches }) => caches !== undefined,
    async run(executor, lab) {
      const caches = cachesOf(executor);
      for (const sharing of ["shared", "locked", "private"] as const) {
        const mount = cache(lab, `empty ${sharing}`, { sharing });
        await lab.run(executor, { script: "true", mounts: [mount] });
        equal((await caches.read(mount, USUAL)).state, "none");
        equal(await caches.fill(mount, async () => undefined, { signal }), false);
        equal(await caches.fill(mount, giving([TOP, { path: "f", content: "filled" }]), { signal }), true);
        equal((await lab.run(executor, { script: "cat /cache/*", mounts: [mount] })).stdout, "filled");
      }
      const seed = lab.files([lab.layer([{ path: "d/seed", content: "" }])]);
      const seeded = cache(lab, "new", { seed, path: "/d" });
      equal(await caches.fill(seeded, giving([TOP, { path: "f", content: "filled" }]), { signal }), true);
      equal((await lab.run(executor, { script: "ls /cache", mounts: [seeded] })).stdout, "f\n");
    },
  },
  {
    name: "a cache stays as it was when what should fill it breaks off",
    needs: (_, { caches }) => caches !== undefined,
    async run(executor, lab) {
      const mount = cache(lab, "breaks off");
      const members = [TOP, { path: "f", content: "x".repeat(100_000) }];
      async function* broken(): AsyncGenerator<Buffer> {
        yield tarOf(members).subarray(0, 50_000);
        throw new Error("the wire broke");
      }
      await rejects(
        cachesOf(executor).fill(mount, async () => broken(), { signal }),
        /the wire broke/,
      );
      const cut = async () => inPieces(tarOf(members).subarray(0, 50_000));
      await rejects(cachesOf(executor).fill(mount, cut, { signal }), { code: "TAR_INVALID" });
      equal((await cachesOf(executor).read(mount, USUAL)).state, "none");
      equal((await lab.run(executor, { script: "ls /cache", mounts: [mount] })).stdout, "");
    },
  },
  {
    name: "U1, U2, U3, U8: what fills a cache stays in it, whatever it says",
    needs: (_, { caches }) => caches !== undefined,
    async run(executor, lab) {
      const outside = mkdtempSync(join(tmpdir(), "outside-"));
      try {
        const up = "../".repeat(30);
        const hostile: readonly (readonly LayerMember[])[] = [
          [
            { path: "out", type: "symlink", linkname: outside },
            { path: "out/f", content: "x" },
          ],
          [
            { path: "out", type: "symlink", linkname: `${up}${outside.slice(1)}` },
            { path: "out/f", content: "x" },
          ],
          [
            { path: "a", type: "symlink", linkname: "b" },
            { path: "b", type: "symlink", linkname: outside },
            { path: "a/f" },
          ],
          [{ path: "hard", type: "hardlink", linkname: "etc/passwd" }],
          [
            { path: "out", type: "symlink", linkname: outside },
            { path: "hard", type: "hardlink", linkname: "out/f" },
          ],
          [
            { path: "null", type: "char", devMajor: 1, devMinor: 3 },
            { path: "disk", type: "block", devMajor: 8 },
          ],
        ];
        for (const [index, members] of hostile.entries()) {
          const mount = cache(lab, `hostile ${index}`);
          const filled = await cachesOf(executor)
            .fill(mount, giving([TOP, ...members]), { signal })
            .catch(({ code }: { readonly code?: string }) => {
              equal(code, "LAYER_INVALID");
              return false;
            });
          deepEqual(readdirSync(outside), []);
          const found = await lab.run(executor, {
            script: "find /cache -type b -o -type c -o -type p",
            mounts: [mount],
          });
          equal(found.stdout, "", `${index} ${filled}`);
        }
        ok(existsSync(outside));
      } finally {
        rmSync(outside, { recursive: true, force: true });
      }
    },
  },
  {
    name: "a cache that is larger than wanted is not read, and its size is told",
    needs: (_, { caches }) => caches !== undefined,
    async run(executor, lab) {
      const mount = cache(lab, "large");
      await lab.run(executor, {
        script: "dd if=/dev/zero of=/cache/f bs=1024 count=3000 2>/dev/null",
        mounts: [mount],
      });
      const content = await cachesOf(executor).read(mount, { ...USUAL, limitBytes: 1_000_000 });
      ok(content.state === "too-large" && content.sizeBytes > 3_000_000 && content.sizeBytes < 4_000_000);
      ok((await bytesOf(await cachesOf(executor).read(mount, USUAL))).length > 3_000_000);
    },
  },
  {
    name: "a cache is read while no command has it, and one whose reader has left can be used",
    needs: (_, { caches }) => caches !== undefined,
    async run(executor, lab) {
      for (const sharing of ["shared", "locked", "private"] as const) {
        const mount = cache(lab, `busy ${sharing}`, { sharing });
        let started = (): void => {};
        const start = new Promise<void>((resolve) => {
          started = resolve;
        });
        const script = "printf half > /cache/f; echo started; sleep 1; printf whole > /cache/f";
        const running = lab.run(executor, { script, mounts: [mount], onOutput: () => started() });
        await start;
        equal((await cachesOf(executor).read(mount, { ...USUAL, waitMs: 50 })).state, "in-use");
        if (sharing === "private") await running;
        const files = await readChanges(inPieces(await bytesOf(await cachesOf(executor).read(mount, USUAL))));
        equal(files.get("f")?.content.toString(), "whole");
        await running;
        const left = await cachesOf(executor).read(mount, USUAL);
        ok(left.state === "there");
        await left.tar[Symbol.asyncIterator]().return?.();
        equal((await lab.run(executor, { script: "cat /cache/f", mounts: [mount] })).stdout, "whole");
      }
    },
  },
];
