import { readdirSync } from "node:fs";
import { gzipSync } from "node:zlib";
import { describe, expect, test } from "vitest";
import { memory } from "../../../src/index.js";
import { buildOnly, filesOf, fresh, type TestOptions } from "../../support/builds.js";
import { bytesFor } from "../../support/registry.js";
import { type TarMember, tarBytes } from "../../support/tar-bytes.js";

function adding(members: readonly TarMember[], before = "", to = "/dst/"): TestOptions {
  const dockerfile = `FROM scratch\n${before}ADD a.tar ${to}\n`;
  return fresh({
    dockerfile,
    context: memory({ "a.tar": tarBytes(members), file: "file" }),
    outputs: ["type=cacheonly"],
  });
}

async function unpacked(...args: Parameters<typeof adding>): Promise<string[]> {
  return (await filesOf(await buildOnly(adding(...args)))).map((line) => line.replace(/ \d+ \d+:\d+$/, ""));
}

describe("U15: an archive that ADD unpacks", () => {
  test.each<[what: string, members: readonly TarMember[], paths: readonly string[]]>([
    [
      "names that climb",
      [
        { path: "../../a", content: "" },
        { path: "b", content: "" },
      ],
      ["/dst/", "/dst/a", "/dst/b"],
    ],
    ["absolute names", [{ path: "/etc/a", content: "" }], ["/dst/", "/dst/etc/", "/dst/etc/a"]],
  ])("with %s stays below its destination", async (_, members, paths) => {
    const raw = tarBytes(
      members.map((member) => ({
        ...member,
        path: member.path.replace(/^[./]*/, "").padStart(member.path.length, "#"),
      })),
    );
    const text = raw
      .toString("latin1")
      .replaceAll(/#+[a-z/]+/g, (padded) => members.find(({ path }) => path.length === padded.length)!.path);
    const bytes = withChecksums(Buffer.from(text, "latin1"));
    const built = await buildOnly(
      fresh({
        dockerfile: "FROM scratch\nADD a.tar /dst/\n",
        context: memory({ "a.tar": bytes }),
        outputs: ["type=cacheonly"],
      }),
    );
    expect((await filesOf(built)).map((line) => line.replace(/ \d+ \d+:\d+$/, ""))).toEqual(paths);
  });

  test("with links out of its destination writes below it, as in a chroot", async () => {
    const members: TarMember[] = [
      { path: "up", type: "symlink", linkname: "../../.." },
      { path: "up/a", content: "" },
      { path: "abs", type: "symlink", linkname: "/d" },
      { path: "d", type: "dir" },
      { path: "abs/b", content: "" },
    ];
    expect(await unpacked(members)).toEqual([
      "/dst/",
      "/dst/a",
      "/dst/abs -> /d",
      "/dst/d/",
      "/dst/d/b",
      "/dst/up -> ../../..",
    ]);
  });

  test("replaces what is in the way, but keeps folders that are there", async () => {
    const members: TarMember[] = [
      { path: "d", type: "dir" },
      { path: "d/new", content: "" },
      { path: "f", type: "dir" },
      { path: "f/x", content: "" },
    ];
    const paths = await unpacked(members, "COPY file /dst/d/old\nCOPY file /dst/f\n");
    expect(paths).toEqual(["/dst/", "/dst/d/", "/dst/d/new", "/dst/d/old", "/dst/f/", "/dst/f/x"]);
  });

  test("of hard links makes names of one file, also of a file that the image has", async () => {
    const members: TarMember[] = [
      { path: "a", content: "new" },
      { path: "b", type: "hardlink", linkname: "a" },
      { path: "c", type: "hardlink", linkname: "b" },
      { path: "old2", type: "hardlink", linkname: "old" },
    ];
    const built = await buildOnly(adding(members, "COPY file /dst/old\n"));
    const contents = ["a", "b", "c", "old", "old2"].map(async (name) =>
      (await built.readFile(`/dst/${name}`)).toString(),
    );
    expect(await Promise.all(contents)).toEqual(["new", "new", "new", "file", "file"]);
  });

  test.each<[what: string, members: readonly TarMember[]]>([
    [
      "a hard link to nothing",
      [
        { path: "a", content: "" },
        { path: "b", type: "hardlink", linkname: "none" },
      ],
    ],
    [
      "a hard link to a folder",
      [
        { path: "d", type: "dir" },
        { path: "b", type: "hardlink", linkname: "d" },
      ],
    ],
    ["a hard link to itself", [{ path: "a", type: "hardlink", linkname: "a" }]],
    [
      "a file below a file",
      [
        { path: "a", content: "" },
        { path: "a/b", content: "" },
      ],
    ],
    [
      "a file below a link to nothing",
      [
        { path: "l", type: "symlink", linkname: "none" },
        { path: "l/b", content: "" },
      ],
    ],
  ])("with %s is an error that says where", async (_, members) => {
    await expect(buildOnly(adding(members))).rejects.toMatchObject({ code: "LAYER_COPY", location: { line: 2 } });
  });

  test("of which nothing can be read is a file like any other, one that breaks off later is an error", async () => {
    const bytes = gzipSync(tarBytes([{ path: "a", content: bytesFor("a", 300_000) }]));
    const built = await buildOnly(
      fresh({
        dockerfile: "FROM scratch\nADD a b c /d/\n",
        files: { a: "text", b: "", c: Buffer.from([0x1f, 0x8b, 8, 0]) },
        outputs: ["type=cacheonly"],
      }),
    );
    expect(await filesOf(built)).toHaveLength(4);
    const cut = buildOnly(
      fresh({ dockerfile: "FROM scratch\nADD a.tgz /\n", files: { "a.tgz": bytes.subarray(0, -30) } }),
    );
    await expect(cut).rejects.toMatchObject({ code: expect.stringMatching(/COMPRESSION_INVALID|TAR_INVALID/) });
  });

  test("leaves no file open, and neither do files that are none", async () => {
    if (process.platform !== "linux") return;
    const files = Object.fromEntries([
      ...Array.from({ length: 40 }, (_, at) => [`text${at}`, `text ${at}`]),
      ...Array.from({ length: 40 }, (_, at) => [`tar${at}`, tarBytes([{ path: `f${at}`, content: "" }])]),
    ]) as Record<string, string>;
    let most = 0;
    const openFiles = (): number => readdirSync("/proc/self/fd").length;
    const options = fresh({ dockerfile: "FROM scratch\nADD * /d/\n", files, outputs: ["type=cacheonly"] });
    await buildOnly(options);
    const before = openFiles();
    await buildOnly({
      ...options,
      noCache: true,
      onEvent: () => {
        most = Math.max(most, openFiles());
      },
    });
    expect(openFiles()).toBe(before);
    expect(most - before).toBeLessThan(20);
  });
});

/** The checksums of all headers anew. */
function withChecksums(tar: Buffer): Buffer {
  for (let at = 0; at + 512 <= tar.length; at += 512) {
    if (tar.toString("latin1", at + 257, at + 262) !== "ustar") continue;
    tar.fill(0x20, at + 148, at + 156);
    let sum = 0;
    for (const byte of tar.subarray(at, at + 512)) sum += byte;
    tar.write(`${sum.toString(8).padStart(6, "0")}\0 `, at + 148, "latin1");
  }
  return tar;
}
