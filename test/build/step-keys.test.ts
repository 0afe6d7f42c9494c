import { describe, expect, test } from "vitest";
import { buildOnly, fresh, type TestOptions } from "../support/builds.js";
import { startFileServer } from "../support/file-server.js";
import { writeLayout } from "../support/layouts.js";
import { DIFFERENT_STEPS, FILES, on, withFiles } from "../support/step-pairs.js";
import { tarBytes } from "../support/tar-bytes.js";

/** Builds `first`, then `second` in the same store; tells whether the last step of the second was found there. */
async function isFound(first: TestOptions, second: TestOptions): Promise<boolean> {
  const shared = { root: fresh({}).root, files: FILES, outputs: ["type=cacheonly"] };
  await buildOnly({ ...shared, ...first });
  const { cached, ran } = await buildOnly({ ...shared, ...second });
  expect(cached.length + ran.length).toBeGreaterThan(0);
  return ran.length === 0;
}

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
  test.each(DIFFERENT_STEPS)("changes with %s", async (_, first, second) => {
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
