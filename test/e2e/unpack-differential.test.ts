/** What we unpack together with GNU tar is what GNU tar makes of the same archive alone. */
import { mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { ROOT_IDS } from "../../src/executor/kit/id-space.js";
import { LayerRewrite } from "../../src/executor/kit/layer-rewrite.js";
import { readAllArguments, unpackArguments } from "../../src/executor/kit/tar-arguments.js";
import { rewriteTar } from "../../src/executor/kit/tar-rewriter.js";
import { unpackTar } from "../../src/executor/kit/unpack-tar.js";
import { readTar } from "../../src/tar/reader.js";
import type { ByteString } from "../../src/util/bytes.js";
import { requireRoot } from "../support/ordinary-user.js";
import { tryProgram } from "../support/program.js";
import { type TarMember, tarBytes } from "../support/tar-bytes.js";
import { tempFolder } from "../support/temp-folder.js";
import { requireTool } from "../support/tools.js";

const LONG = "n".repeat(200);
const NOTHING = { lookUp: () => undefined };
const signal = new AbortController().signal;

/** The same numbers for the same seed, below the one asked for. */
function numbers(seed: number): (below: number) => number {
  let state = seed * 7919 + 17;
  return (below) => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) & 0x7fffffff;
    return Math.floor(state / 65_536) % below;
  };
}

/** An archive as somebody's tool might write it: every type, names again and again, some fields that only tar can keep. */
function archive(next: (below: number) => number): TarMember[] {
  const xattrs = new Map([["user.note" as ByteString, Buffer.from("kept")]]);
  const folders = ["", "a", "a/b", "c", `${LONG}/${LONG}`, "a/ü"];
  const files: string[] = [];
  const usual = (): Partial<TarMember> => ({
    mode: [0o644, 0o755, 0o600, 0o4755, 0o2711, 0o1777, 0o444, 0o000][next(8)]!,
    uid: next(4) === 0 ? 42 : 0,
    gid: next(4) === 0 ? 8 : 0,
    mtimeSeconds: [0, 1_000_000_000, 1_700_000_000 + next(1000), 4_000_000_000][next(4)]!,
    ...(next(4) === 0 ? { mtimeNanos: 1 + next(999_999_999) } : {}),
    ...(next(6) === 0 ? { xattrs } : {}),
  });
  const members = Array.from({ length: 40 }, (_, index): TarMember => {
    const folder = folders[next(folders.length)]!;
    const path = folder === "" ? `${"fgh"[next(3)]}${next(6)}` : `${folder}/${"fgh"[next(3)]}${next(6)}`;
    switch (next(8)) {
      case 0:
        return { path: folder, type: "dir", ...usual() };
      case 1:
        // Each once: of two links of one name GNU tar keeps the first.
        return {
          path: `${path}.link${index}`,
          type: "symlink",
          linkname: ["f1", "/etc", "../..", "nowhere"][next(4)]!,
          ...usual(),
        };
      case 2:
        if (files.length === 0) break;
        return { path: `${path}.hard`, type: "hardlink", linkname: files[next(files.length)]!, ...usual() };
      case 3:
        return { path: `${path}.pipe`, type: "fifo", ...usual() };
      case 4:
        return { path: `${folder}/.wh.gone${next(3)}`.replace(/^\//, ""), content: "" };
      default:
    }
    files.push(path);
    return { path, content: `${index}`.repeat(next(3) === 0 ? 0 : next(2000)), ...usual() };
  });
  return [{ path: "", type: "dir", mode: 0o755, mtimeSeconds: 1_500_000_000 }, ...members];
}

async function* chunksOf(bytes: Buffer, size: number): AsyncGenerator<Buffer> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

function rewrite(): LayerRewrite {
  return new LayerRewrite({ overlay: "trusted", ids: "all", maxId: ROOT_IDS.maxId, lower: NOTHING });
}

/** Everything that GNU tar finds in `folder`, a line for each entry. */
async function contentOf(folder: string): Promise<string[]> {
  const { code, stdout, stderr } = await tryProgram("tar", readAllArguments(folder));
  expect(code, stderr).toBe(0);
  const found: string[] = [];
  const content: Buffer[] = [];
  await readTar([stdout], {
    entry: ({ xattrs, ...entry }) => {
      found.push(JSON.stringify([entry, [...(xattrs ?? [])].map(([name, value]) => [name, value.toString("hex")])]));
    },
    data: (chunk) => void content.push(Buffer.from(chunk)),
    end: () => {
      found[found.length - 1] += Buffer.concat(content.splice(0)).toString("latin1");
    },
  });
  return found;
}

const ready = process.platform === "linux" && requireTool("tar") && requireRoot();

it.runIf(ready)("unpacks 60 random archives as GNU tar does", async () => {
  const top = tempFolder();
  for (let seed = 0; seed < 60; seed++) {
    const bytes = tarBytes(archive(numbers(seed)));
    const [ours, theirs] = ["ours", "theirs"].map((name) => join(top, `${seed}`, name)) as [string, string];
    for (const folder of [ours, theirs]) mkdirSync(folder, { recursive: true });
    await unpackTar(chunksOf(bytes, 3000), rewrite(), ours, {
      executor: "test",
      space: ROOT_IDS,
      what: "a layer",
      signal,
    });
    const whole: Buffer[] = [];
    for await (const chunk of rewriteTar(chunksOf(bytes, 3000), rewrite())) whole.push(Buffer.from(chunk));
    const { code, stderr } = await tryProgram("tar", [...unpackArguments(theirs)], { input: Buffer.concat(whole) });
    expect(code, stderr).toBe(0);
    const mine = await contentOf(ours);
    expect(mine, `seed ${seed}`).toEqual(await contentOf(theirs));
    expect(mine.length).toBeGreaterThan(15);
  }
});

/** As `recycles` of `RunIO.openLayer`: a chunk is lost when the one after the next is asked for. */
async function* lostChunksOf(bytes: Buffer, size: number): AsyncGenerator<Buffer> {
  const given: Buffer[] = [];
  for (let at = 0; at < bytes.length; at += size) {
    given.push(Buffer.from(bytes.subarray(at, at + size)));
    given.at(-3)?.fill("lost");
    yield given.at(-1)!;
  }
}

it.runIf(ready)("needs a chunk no longer than until the one after the next", async () => {
  const folder = tempFolder();
  const size = 1024 * 1024;
  // One chunk for tar, and two that tar has nothing of.
  const members = Array.from(
    { length: 24 },
    (_, index): TarMember => ({
      path: `f${index}`,
      content: Buffer.alloc(size - 1024, index),
      ...(index % 3 === 0 ? { mtimeNanos: 5 } : {}),
    }),
  );
  await unpackTar(lostChunksOf(tarBytes(members), size), rewrite(), folder, {
    executor: "test",
    space: ROOT_IDS,
    what: "a layer",
    signal,
  });
  for (const [index, { path, content }] of members.entries()) {
    expect(readFileSync(join(folder, path)).equals(content as Buffer), `file ${index}`).toBe(true);
  }
});
