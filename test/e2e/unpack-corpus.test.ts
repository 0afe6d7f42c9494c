/** Hostile layers, unpacked for an executor: whatever an archive says, nothing outside of its folder changes. */
import { existsSync, lstatSync, mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { isOcibuildError } from "../../src/errors.js";
import { ROOT_IDS } from "../../src/executor/kit/id-space.js";
import { LayerStore } from "../../src/executor/kit/layer-store.js";
import { ScratchFolders } from "../../src/executor/kit/scratch-folders.js";
import type { DiffId } from "../../src/oci/digest.js";
import type { LayerMember } from "../../src/testing/executor/lab.js";
import { forEachLimited } from "../../src/util/for-each-limited.js";
import { folderSnapshot } from "../support/folder-snapshot.js";
import { requireRoot } from "../support/ordinary-user.js";
import { tempFolder } from "../support/temp-folder.js";
import { requireTool } from "../support/tools.js";
import { meta, octal, padded, rawHeader, records } from "../tar/raw-archive.js";

type Archive = readonly LayerMember[];

const TYPES = { file: "0", hardlink: "1", symlink: "2", char: "3", block: "4", dir: "5", fifo: "6" } as const;

/** Who writes an entry: we ourselves those of whole seconds, GNU tar the others. */
const WRITERS = {
  "all by us": () => false,
  "all by tar": () => true,
  "the first by us, the next by tar": (index: number) => index % 2 === 1,
  "the first by tar, the next by us": (index: number) => index % 2 === 0,
} as const;

/** As no honest program would write it: names are PAX records, whatever they say. */
function rawTar(members: Archive, isForTar: (index: number) => boolean): Buffer {
  const parts = members.flatMap(({ path, linkname, content, type = "file", mode = 0o644 }, index) => {
    const size = Buffer.byteLength(content ?? "");
    const fields: [string, string][] = [["path", path]];
    if (linkname !== undefined) fields.push(["linkpath", linkname]);
    if (isForTar(index)) fields.push(["mtime", "1000000.5"]);
    const header = rawHeader({ name: "x", type: TYPES[type], mode: octal(mode, 7), size: octal(size, 11) });
    return [meta("x", records(fields)), header, padded(content === undefined ? "" : Buffer.from(content))];
  });
  return Buffer.concat([...parts, Buffer.alloc(1024)]);
}

/** Every way out that names can be written in: absolute, climbing, dotted, doubled. */
function namesFor(target: string): string[] {
  const up = "../".repeat(20);
  const inside = target.slice(1);
  return [
    target,
    `/${target}`,
    `./${target}`,
    `${up}${inside}`,
    `a/${up}${inside}`,
    `./${up}${inside}`,
    `a/./b/${up}${inside}`,
    `a//${up}${inside}`,
    `${up}${inside}/`,
    `a/..${target}`,
  ];
}

/** One entry of each type that an attacker would put at `path`, or make of what is there. */
function payloads(path: string, canary: string): LayerMember[] {
  return [
    { path, content: "written" },
    { path, type: "dir", mode: 0o777 },
    { path, type: "symlink", linkname: canary },
    { path, type: "hardlink", linkname: canary },
    { path, type: "fifo" },
    { path, type: "char", devMajor: 0, devMinor: 0 },
    { path: path.replace(/([^/]+)\/*$/, ".wh.$1"), content: "" },
    { path: `${path.replace(/\/+$/, "")}/.wh..wh..opq`, content: "" },
  ];
}

function corpus(outside: string): Archive[] {
  const canary = join(outside, "canary");
  const archives: Archive[] = [];
  // The name itself leads out.
  for (const name of [...namesFor(canary), ...namesFor(join(outside, "new"))]) {
    for (const payload of payloads(name, canary)) archives.push([payload], [{ path: "a/b", type: "dir" }, payload]);
  }
  // A link leads out, and what comes after goes through it: links in one step and in two, made again, to a folder, a file, the root.
  const links = [
    outside,
    `${"../".repeat(20)}${outside.slice(1)}`,
    "/",
    "..",
    canary,
    "/proc/self/root",
    "/proc/self/cwd",
  ];
  for (const linkname of links) {
    const below = linkname === outside || linkname.endsWith(outside.slice(1)) ? "canary" : canary.slice(1);
    for (const payload of payloads(`l/${below}`, canary)) {
      const link: LayerMember = { path: "l", type: "symlink", linkname };
      archives.push(
        [link, payload],
        [{ path: "l", type: "dir" }, link, payload],
        [payload, link, payload],
        [{ path: "m", type: "symlink", linkname: "l" }, link, { ...payload, path: payload.path.replace("l/", "m/") }],
      );
    }
  }
  return archives;
}

/** U3: names of links, each made and then written through. */
function hardLinks(outside: string): Archive[] {
  const canary = join(outside, "canary");
  const names = [...namesFor(canary), "l", "l/canary", "missing", "d", ".", "", "f/x", "later"];
  return names.flatMap((linkname): Archive[] => {
    const before: LayerMember[] = [
      { path: "d", type: "dir" },
      { path: "f", content: "own" },
      { path: "l", type: "symlink", linkname: linkname === "l" ? canary : outside },
    ];
    const link: LayerMember = { path: "h", type: "hardlink", linkname };
    const after: LayerMember[] = [
      { path: "later", content: "later" },
      { path: "h", content: "through" },
    ];
    return [
      [...before, link, ...after],
      [...before, link],
      [link, ...before],
    ];
  });
}

const ready = process.platform === "linux" && requireTool("tar") && requireRoot();

describe.runIf(ready).each(Object.entries(WRITERS))("a hostile layer, written %s", (_, isForTar) => {
  async function unpackAll(make: (outside: string) => Archive[]): Promise<{ refused: number; count: number }> {
    const top = tempFolder();
    const outside = join(top, "outside");
    mkdirSync(join(outside, "sub"), { recursive: true });
    writeFileSync(join(outside, "canary"), "alive");
    writeFileSync(join(outside, "sub", "file"), "alive too");
    const before = folderSnapshot(outside);
    const archives = make(outside);
    const stateDir = join(top, "state");
    mkdirSync(stateDir);
    const scratch = new ScratchFolders(stateDir, ROOT_IDS);
    let refused = 0;
    await forEachLimited([...archives.entries()], 4, {}, async ([index, members]) => {
      const store = new LayerStore({ stateDir, executor: "test", space: ROOT_IDS, scratch });
      const bytes = rawTar(members, isForTar);
      const diffId = `sha256:${index.toString(16).padStart(64, "0")}` as DiffId;
      async function* open(): AsyncGenerator<Buffer> {
        yield bytes;
      }
      try {
        await store.prepare([diffId], { openLayer: open, signal: new AbortController().signal });
      } catch (error) {
        if (!isOcibuildError(error)) throw new Error(JSON.stringify(members), { cause: error });
        refused++;
      }
    });
    expect(folderSnapshot(outside)).toEqual(before);
    expect(lstatSync(join(outside, "canary")).nlink).toBe(1);
    // Nothing half-done is kept either.
    expect(existsSync(join(stateDir, "tmp")) ? readdirSync(join(stateDir, "tmp")) : []).toEqual([]);
    await scratch.close();
    return { refused, count: archives.length };
  }

  it("U1, U2: leaves everything outside of its folder as it was, in more than 500 forms", async () => {
    const { refused, count } = await unpackAll(corpus);
    expect(count).toBeGreaterThanOrEqual(500);
    expect(refused).toBeGreaterThan(0);
    expect(refused).toBeLessThan(count);
  });

  it("U3: makes no second name for a file outside", async () => {
    const { count } = await unpackAll(hardLinks);
    expect(count).toBeGreaterThanOrEqual(40);
  });
});
