import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterAll, describe, expect, test } from "vitest";
import { PendingFile } from "../../../src/cache/pending-file.js";
import { isOcibuildError } from "../../../src/errors.js";
import { FsEdit } from "../../../src/layers/fs/fs-edit.js";
import { emptyTree, type FsTree } from "../../../src/layers/fs/fs-tree.js";
import { indexTar } from "../../../src/layers/layer-index.js";
import { applyChangeset, readChangeset } from "../../../src/layers/run/changeset.js";
import type { TarEntry } from "../../../src/tar/entry.js";
import { encodeHeader, headerSizeBound, paddingOf } from "../../../src/tar/header.js";
import { type FakeChange, packChanges } from "../../../src/testing/fake-executor.js";
import { parentPath } from "../../../src/tree/paths.js";
import type { ByteString } from "../../../src/util/bytes.js";
import { arbitraryChanges, change, layerTarOf, modelOf, withLayer } from "../../support/fs-model.js";
import { runs } from "../../support/runs.js";

const folder = mkdtempSync(join(tmpdir(), "ocibuild-changeset-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const options = { executor: "fake", limitBytes: 1 << 20 };

async function* once(tar: Buffer): AsyncGenerator<Buffer, void, undefined> {
  yield tar;
}

/** The layer that the changeset `tar` makes on `base`. */
async function normalised(base: FsTree, tar: Buffer, limits = options): Promise<Buffer> {
  const files: PendingFile[] = [];
  const run = {
    signal: new AbortController().signal,
    createTemporary: () => {
      files.push(PendingFile.create(folder));
      return files.at(-1)!;
    },
  };
  try {
    const edit = new FsEdit(base);
    applyChangeset(edit, await readChangeset(run, once(tar), limits), "fake");
    return await layerTarOf(edit);
  } finally {
    for (const file of files) file.discard();
  }
}

interface TarPart {
  readonly entry: TarEntry;
  readonly content: Buffer;
}

async function partsOf(tar: Buffer): Promise<TarPart[]> {
  const { entries } = await indexTar([tar]);
  return entries.map((entry) => ({ entry, content: tar.subarray(entry.dataOffset, entry.dataOffset + entry.size) }));
}

function tarOfParts(parts: readonly TarPart[]): Buffer {
  const bytes = parts.flatMap(({ entry, content }) => {
    const header = Buffer.alloc(headerSizeBound(entry));
    return [header.subarray(0, encodeHeader(entry, header, 0)), content, Buffer.alloc(paddingOf(content.length))];
  });
  return Buffer.concat([...bytes, Buffer.alloc(1024)]);
}

/** The same changes as another executor may say them: other order, another first name of links, parents that did not change. */
function saidOtherwise(parts: readonly TarPart[], base: FsTree, order: readonly number[]): TarPart[] {
  const paths = new Set(parts.map(({ entry }) => entry.path));
  const said = [...parts];
  const withPlace = (entry: TarEntry, at: number): TarEntry => ({ ...entry, mtimeNanos: order[at % order.length]! });
  for (const { entry } of parts) {
    for (let at = parentPath(entry.path); at !== ""; at = parentPath(at)) {
      const meta = base.lstat(at);
      if (meta?.type !== "dir" || paths.has(at)) continue;
      paths.add(at);
      said.push({ entry: { ...meta, path: at, type: "dir" }, content: Buffer.alloc(0) });
    }
  }
  for (const [at, { entry }] of said.entries()) {
    const first = said.findIndex((part) => entry.type === "hardlink" && part.entry.path === entry.linkname);
    if (first === -1 || order[at % order.length]! % 2 === 0) continue;
    const target = said[first]!;
    for (const [other, part] of said.entries()) {
      if (part.entry.type === "hardlink" && part.entry.linkname === target.entry.path) {
        said[other] = { ...part, entry: { ...part.entry, linkname: entry.path } };
      }
    }
    said[at] = { entry: { ...target.entry, path: entry.path }, content: target.content };
    said[first] = { entry: { ...entry, path: target.entry.path, linkname: entry.path }, content: Buffer.alloc(0) };
  }
  return said
    .map((part, at) => ({ ...part, rank: order[at % order.length]!, entry: withPlace(part.entry, at) }))
    .sort((a, b) => a.rank - b.rank);
}

describe("the changes that an executor reports", () => {
  test("make the same layer however they are said", async () => {
    const arbitraryOrder = fc.array(fc.nat(999_999_999), { minLength: 1, maxLength: 12 });
    await fc.assert(
      fc.asyncProperty(arbitraryChanges, arbitraryChanges, arbitraryOrder, async (before, during, order) => {
        const start = new FsEdit(emptyTree("test"));
        change(start, before);
        const base = await withLayer(emptyTree("test"), await layerTarOf(start));
        const edit = new FsEdit(base);
        change(edit, during);
        const tar = await layerTarOf(edit);
        const once = await normalised(base, tar);
        const otherwise = await normalised(base, tarOfParts(saidOtherwise(await partsOf(tar), base, order)));
        expect(otherwise.equals(once)).toBe(true);
        expect(modelOf((await withLayer(base, once)).root)).toEqual(modelOf(edit.root));
      }),
      { numRuns: runs(200) },
    );
  });

  test("an opaque directory is the same as one that was removed and made again", async () => {
    const base = await withLayer(
      emptyTree("test"),
      packChanges([
        { path: "d", type: "dir" },
        { path: "d/old", content: "old" },
        { path: "d/sub", type: "dir" },
        { path: "d/sub/older" },
      ]),
    );
    const made: FakeChange[] = [
      { path: "d", type: "dir" },
      { path: "d/new", content: "new" },
      { path: "d/sub", type: "dir" },
    ];
    const opaque = await normalised(base, packChanges([...made, { path: "d", type: "opaque" }]));
    const explicit: FakeChange[] = [
      { path: "d/old", type: "removed" },
      { path: "d/sub/older", type: "removed" },
    ];
    expect(opaque.equals(await normalised(base, packChanges([...explicit, ...made])))).toBe(true);
    expect([...modelOf((await withLayer(base, opaque)).root).keys()]).toEqual(["d", "d/new", "d/sub"]);
  });

  test("U6: whiteouts in a directory that takes a link's place hide nothing where the link led", async () => {
    const base = await withLayer(
      emptyTree("test"),
      packChanges([
        { path: "etc", type: "dir" },
        { path: "etc/passwd" },
        { path: "l", type: "symlink", target: "/etc" },
      ]),
    );
    const changes: readonly FakeChange[] = [
      { path: "l", type: "removed" },
      { path: "l", type: "dir" },
      { path: "l", type: "opaque" },
      { path: "l/passwd", type: "removed" },
      { path: "l/sub", type: "dir" },
      { path: "l/sub", type: "opaque" },
    ];
    // A layer with just these entries means the same as what is made of them.
    for (const tar of [packChanges(changes), await normalised(base, packChanges(changes))]) {
      expect([...modelOf((await withLayer(base, tar)).root).keys()]).toEqual(["etc", "etc/passwd", "l", "l/sub"]);
    }
  });

  test("that change nothing make an empty layer", async () => {
    const base = await withLayer(emptyTree("test"), packChanges([{ path: "d", type: "dir" }, { path: "d/f" }]));
    const changes = packChanges([
      { path: "xx", type: "dir", mode: 0o700 },
      { path: "d", type: "dir" },
      { path: "d/f" },
    ]);
    expect(await normalised(base, rename(changes, "xx", "./"))).toEqual(Buffer.alloc(1024));
  });
});

/** Raw headers, for names that our own writer refuses. */
function rename(tar: Buffer, from: string, to: string): Buffer {
  const copy = Buffer.from(tar);
  const header = copy.subarray(0, 512);
  const at = header.indexOf(from);
  header.fill(0, at, at + from.length);
  header.write(to, at, "latin1");
  header.write("        ", 148, "latin1");
  const sum = header.reduce((total, byte) => total + byte, 0);
  header.write(`${sum.toString(8).padStart(6, "0")}\0 `, 148, "latin1");
  return copy;
}

const HOSTILE: readonly (readonly [string, Buffer])[] = [
  ["U1: a path that leads out", rename(packChanges([{ path: "xxxxxxxxxxxxx" }]), "xxxxxxxxxxxxx", "../etc/passwd")],
  ["U1: the same path twice", packChanges([{ path: "a" }, { path: "a" }])],
  [
    "U2: a file below a link of the same changes",
    packChanges([{ path: "l", type: "symlink", target: "/etc" }, { path: "l/f" }]),
  ],
  ["U2: a file below a link that was there", packChanges([{ path: "link/f" }])],
  ["U2: a whiteout below a link that was there", packChanges([{ path: "link/f", type: "removed" }])],
  ["U2: a file below a file", packChanges([{ path: "f" }, { path: "f/g" }])],
  ["U2: the root as a link", rename(packChanges([{ path: "xx", type: "symlink", target: "/" }]), "xx", "./")],
  [
    "U3: a hard link to a file that is not in the changes",
    packChanges([{ path: "h", type: "hardlink", target: "kept" }]),
  ],
  [
    "U3: a hard link that leads out",
    rename(packChanges([{ path: "h", type: "hardlink", target: "xxxxxxxx" }]), "xxxxxxxx", "../kept"),
  ],
  ["U3: a hard link to itself", packChanges([{ path: "h", type: "hardlink", target: "h" }])],
  [
    "U3: a hard link to a directory",
    packChanges([
      { path: "d", type: "dir" },
      { path: "h", type: "hardlink", target: "d" },
    ]),
  ],
  ["U6: a whiteout of nothing", packChanges([{ path: ".wh." }])],
  ["U6: a whiteout of the directory itself", packChanges([{ path: "d/.wh.." }])],
  ["U6: a whiteout of the parent", packChanges([{ path: "d/.wh..." }])],
  ["U6: a directory with a whiteout's name", packChanges([{ path: ".wh.d", type: "dir" }])],
  ["U6: marks of another union file system", packChanges([{ path: ".wh..wh.plnk", type: "dir" }])],
  ["U9: a header that is damaged", Buffer.alloc(1024, "x")],
  ["U12: an archive that ends in a file", packChanges([{ path: "f", content: "x".repeat(600) }]).subarray(0, 900)],
];

test.each(HOSTILE)("%s is refused as a fault of the executor", async (_, tar) => {
  const base = await withLayer(
    emptyTree("test"),
    packChanges([{ path: "kept" }, { path: "dir", type: "dir" }, { path: "link", type: "symlink", target: "dir" }]),
  );
  const error: unknown = await normalised(base, tar).catch((caught: unknown) => caught);
  expect(isOcibuildError(error, "EXECUTOR_FAILED"), String(error)).toBe(true);
  expect(error).toMatchObject({ details: { executor: "fake" } });
});

test("X5: changes above the limit end the reading", async () => {
  const tar = packChanges([{ path: "big", content: "x".repeat(5000) }]);
  const error: unknown = await normalised(emptyTree("test"), tar, { executor: "fake", limitBytes: 4096 }).catch(
    (caught: unknown) => caught,
  );
  expect(isOcibuildError(error, "LIMIT_EXCEEDED")).toBe(true);
});

test("U7: attributes of overlayfs do not get into the layer, file capabilities do", async () => {
  const xattrs = {
    "trusted.overlay.opaque": Buffer.from("y"),
    "user.overlay.whiteout": Buffer.from("y"),
    "security.capability": Buffer.from([1, 0, 0, 2]),
  };
  const [part] = await partsOf(await normalised(emptyTree("test"), packChanges([{ path: "f", xattrs }])));
  expect([...(part?.entry.xattrs ?? [])]).toEqual([["security.capability" as ByteString, Buffer.from([1, 0, 0, 2])]]);
});
