import { describe, expect, test } from "vitest";
import type { MemoryFiles } from "../../src/index.js";
import { buildOnly, fresh, type TestOptions } from "../support/builds.js";
import { startFileServer } from "../support/file-server.js";
import { writeLayout } from "../support/layouts.js";
import { tarBytes } from "../support/tar-bytes.js";

const FILES: MemoryFiles = { a: "same", b: "same", "d/a": "same", "d/b": "same" };

/** Builds `first`, then `second` in the same store; tells whether the last step of the second was found there. */
async function isFound(first: TestOptions, second: TestOptions): Promise<boolean> {
  const shared = { root: fresh({}).root, files: FILES, outputs: ["type=cacheonly"] };
  await buildOnly({ ...shared, ...first });
  const { cached, ran } = await buildOnly({ ...shared, ...second });
  expect(cached.length + ran.length).toBeGreaterThan(0);
  return ran.length === 0;
}

const on = (lines: string): TestOptions => ({ dockerfile: `FROM scratch\n${lines}\n` });
const withFiles = (files: MemoryFiles): TestOptions => ({ ...on("COPY d /d/"), files });

/** Pairs of builds whose last step differs in one thing. */
const DIFFERENT: readonly (readonly [what: string, first: TestOptions, second: TestOptions])[] = [
  ["the source, with equal content", on("COPY a /x"), on("COPY b /x")],
  ["the destination", on("COPY a /x"), on("COPY a /y")],
  ["a slash after the destination", on("COPY d /x"), on("COPY d /x/")],
  ["one source more", on("COPY a /x/"), on("COPY a b /x/")],
  ["the order of sources", on("COPY a b /x/"), on("COPY b a /x/")],
  ["a pattern for a name", on("COPY a /x/"), on("COPY [a] /x/")],
  ["--chown", on("COPY a /x"), on("COPY --chown=0 a /x")],
  ["the user of --chown", on("COPY --chown=1:2 a /x"), on("COPY --chown=3:2 a /x")],
  ["the group of --chown", on("COPY --chown=1:2 a /x"), on("COPY --chown=1:3 a /x")],
  ["user and group of --chown swapped", on("COPY --chown=1:2 a /x"), on("COPY --chown=2:1 a /x")],
  ["--chmod", on("COPY a /x"), on("COPY --chmod=644 a /x")],
  ["the mode of --chmod", on("COPY --chmod=644 a /x"), on("COPY --chmod=600 a /x")],
  ["--link", on("COPY a /x"), on("COPY --link a /x")],
  ["--parents", on("COPY d/a /x/"), on("COPY --parents d/a /x/")],
  ["the pivot of --parents", on("COPY --parents d/a /x/"), on("COPY --parents d/./a /x/")],
  ["--exclude", on("COPY d /x"), on("COPY --exclude=none d /x")],
  ["the pattern of --exclude", on("COPY --exclude=a d /x"), on("COPY --exclude=b d /x")],
  ["the order of --exclude", on("COPY --exclude=a --exclude=!a d /x"), on("COPY --exclude=!a --exclude=a d /x")],
  ["ADD for COPY", on("COPY a /x"), on("ADD a /x")],
  ["--unpack", on("ADD a /x"), on("ADD --unpack=false a /x")],
  ["the name of a heredoc", on("COPY <<e /x/\ntext\ne"), on("COPY <<f /x/\ntext\nf")],
  ["the text of a heredoc", on("COPY <<e /x\ntext\ne"), on("COPY <<e /x\ntexT\ne")],
  ["a line moved from one heredoc to the next", on("COPY <<e <<f /x/\n1\n2\ne\nf"), on("COPY <<e <<f /x/\n1\ne\n2\nf")],
  ["expansion of a heredoc", on("COPY <<e /x\n$a\ne"), on('COPY <<"e" /x\n$a\ne')],
  ["WORKDIR", on("WORKDIR /x"), on("WORKDIR /y")],
  ["the user of WORKDIR", on("WORKDIR /x"), on("USER 5\nWORKDIR /x")],
  ["the group of WORKDIR", on("USER 5:6\nWORKDIR /x"), on("USER 5:7\nWORKDIR /x")],
  [
    "where COPY reads from",
    on("COPY a /x"),
    { dockerfile: "FROM scratch AS s\nCOPY a /a\nFROM scratch\nCOPY --from=s /a /x\n" },
  ],
  ["a file's content", withFiles({ "d/a": "1" }), withFiles({ "d/a": "2" })],
  ["a file's name", withFiles({ "d/a": "1" }), withFiles({ "d/b": "1" })],
  [
    "a byte moved from one file to the next",
    withFiles({ "d/a": "12", "d/b": "3" }),
    withFiles({ "d/a": "1", "d/b": "23" }),
  ],
  ["contents of two files swapped", withFiles({ "d/a": "1", "d/b": "2" }), withFiles({ "d/a": "2", "d/b": "1" })],
  ["a folder in a name", withFiles({ "d/a/b": "1" }), withFiles({ "d/ab": "1" })],
  ["a file's mode", withFiles({ "d/a": "1" }), withFiles({ "d/a": { content: "1", mode: 0o600 } })],
  ["a file's user", withFiles({ "d/a": "1" }), withFiles({ "d/a": { content: "1", uid: 1 } })],
  ["a file's group", withFiles({ "d/a": "1" }), withFiles({ "d/a": { content: "1", gid: 1 } })],
  [
    "a file's capability",
    withFiles({ "d/a": "1" }),
    withFiles({ "d/a": { content: "1", xattrs: { "security.capability": Buffer.from("c") } } }),
  ],
  ["an empty folder", withFiles({ "d/a": "1" }), withFiles({ "d/a": "1", "d/e/": "" })],
  ["a folder's mode", withFiles({ "d/a": "1" }), withFiles({ "d/": { type: "dir", mode: 0o700 }, "d/a": "1" })],
  [
    "a link's target",
    withFiles({ "d/l": { type: "symlink", target: "a" } }),
    withFiles({ "d/l": { type: "symlink", target: "b" } }),
  ],
  [
    "a link for a file",
    withFiles({ "d/a": "1", "d/l": "a" }),
    withFiles({ "d/a": "1", "d/l": { type: "symlink", target: "a" } }),
  ],
  [
    "a second name for a copy",
    withFiles({ "d/a": "1", "d/l": "1" }),
    withFiles({ "d/a": "1", "d/l": { type: "hardlink", target: "d/a" } }),
  ],
  ["the epoch", { ...on("COPY a /x"), sourceDateEpoch: 1 }, { ...on("COPY a /x"), sourceDateEpoch: 2 }],
  ["being reproducible", on("COPY a /x"), { ...on("COPY a /x"), reproducible: true, sourceDateEpoch: 1 }],
  [
    "clamping",
    { ...on("COPY a /x"), sourceDateEpoch: 1 },
    { ...on("COPY a /x"), sourceDateEpoch: 1, outputs: ["type=image,rewrite-timestamp=true"] },
  ],
];

/** What must not matter. */
const EQUAL: readonly (readonly [what: string, first: TestOptions, second: TestOptions])[] = [
  ["files' times", withFiles({ "d/a": { content: "1", mtime: 1 } }), withFiles({ "d/a": { content: "1", mtime: 2 } })],
  ["files that are not copied", withFiles({ "d/a": "1" }), withFiles({ "d/a": "1", e: "2" })],
  ["labels and comments", on("COPY a /x"), on("# comment\nLABEL a=b\nCOPY a /x")],
  ["how a path is written", on("COPY a /x"), on("WORKDIR /\nCOPY a x")],
  ["the stage's name", on("COPY a /x"), { dockerfile: "FROM scratch AS other\nCOPY a /x\n" }],
  ["the platform", on("COPY a /x"), { ...on("COPY a /x"), platforms: ["linux/arm64"] }],
  ["compression", on("COPY a /x"), { ...on("COPY a /x"), compression: { kind: "gzip", level: 9 } }],
];

describe("K9: the key of a step", () => {
  test.each(DIFFERENT)("changes with %s", async (_, first, second) => {
    expect(await isFound(first, second)).toBe(false);
  });

  test.each(EQUAL)("does not change with %s", async (_, first, second) => {
    expect(await isFound(first, second)).toBe(true);
  });

  test("changes with the base, and not with what the base is called", async () => {
    const one = writeLayout({ tars: [tarBytes([{ path: "base", content: "1" }])] });
    const same = writeLayout({ tars: [tarBytes([{ path: "base", content: "1" }])], config: { Env: ["A=b"] } });
    const other = writeLayout({ tars: [tarBytes([{ path: "base", content: "2" }])] });
    const above = (layout: string): TestOptions => ({
      dockerfile: "FROM base\nCOPY a /x\n",
      buildContexts: { base: `oci-layout://${layout}` },
    });
    expect(await isFound(above(one), above(same))).toBe(true);
    expect(await isFound(above(one), above(other))).toBe(false);
    const beside = (layout: string): TestOptions => ({
      ...above(layout),
      dockerfile: "FROM scratch\nCOPY --from=base / /\n",
    });
    expect(await isFound(beside(one), beside(same))).toBe(true);
    expect(await isFound(beside(one), beside(other))).toBe(false);
  });

  test("changes with what a URL gives, and with the URL", async () => {
    let content = "1";
    await using server = await startFileServer({
      "/f": (response) => response.end(content),
      "/g": (response) => response.end("1"),
    });
    const get = (path: string): TestOptions => on(`ADD ${server.url}${path} /x`);
    expect(await isFound(get("/f"), get("/f"))).toBe(true);
    expect(await isFound(get("/f"), get("/g"))).toBe(false);
    const { root } = fresh({});
    await buildOnly({ ...get("/f"), root });
    content = "2";
    expect((await buildOnly({ ...get("/f"), root })).ran).toHaveLength(1);
  });
});
