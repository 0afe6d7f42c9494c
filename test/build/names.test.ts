import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { type MemoryFiles, memory, rootfsFolder } from "../../src/index.js";
import { RegistryContent } from "../../src/testing/registry/content.js";
import { startRegistry } from "../../src/testing/registry/registry.js";
import { buildChecked, buildOnly, filesOf, fresh } from "../support/builds.js";
import { runs } from "../support/runs.js";
import { tarBytes } from "../support/tar-bytes.js";
import { tempFolder } from "../support/temp-folder.js";

/** Names of every byte but NUL and slash, as a file system takes them: up to 255 bytes. */
const name = fc
  .oneof(
    { weight: 3, arbitrary: fc.uint8Array({ minLength: 1, maxLength: 40 }) },
    { weight: 1, arbitrary: fc.uint8Array({ minLength: 250, maxLength: 255 }) },
    {
      weight: 2,
      arbitrary: fc
        .constantFrom(
          "-rf",
          "a\nb",
          "\x1b[2J",
          "\x07",
          " ",
          "a b ",
          "*",
          "?",
          "[a]",
          "\\",
          "~",
          "$HOME",
          "é",
          "\u{1f600}",
          "con",
          "..a",
        )
        .map((text) => Buffer.from(text)),
    },
  )
  .map((bytes) => Buffer.from(bytes).toString("latin1").replaceAll(/[\0/]/g, "_"))
  .filter((text) => text !== "." && text !== ".." && !text.startsWith(".wh."));

/** Below `folder`: paths with contents, bytewise. */
function listing(folder: Buffer): string[] {
  return readdirSync(folder, { encoding: "buffer", withFileTypes: true })
    .flatMap((entry) => {
      const path = Buffer.concat([folder, Buffer.from("/"), entry.name]);
      const shown = entry.name.toString("latin1");
      if (entry.isDirectory()) return [`${shown}/`, ...listing(path).map((below) => `${shown}/${below}`)];
      return [`${shown} = ${readFileSync(path).toString("latin1")}`];
    })
    .sort();
}

describe("C10: names of any bytes", () => {
  test.skipIf(process.platform !== "linux")(
    "come through build, push, pull, COPY --from and unpacking as they were",
    async () => {
      await using registry = await startRegistry({ content: new RegistryContent() });
      await fc.assert(
        fc.asyncProperty(
          fc.uniqueArray(fc.array(name, { minLength: 1, maxLength: 3 }), { minLength: 1, maxLength: 8 }),
          async (paths) => {
            const context = tempFolder();
            for (const [at, parts] of paths.entries()) {
              const folder = Buffer.from([context, ...parts.slice(0, -1)].join("/"), "latin1");
              const path = Buffer.concat([folder, Buffer.from("/"), Buffer.from(parts.at(-1)!, "latin1")]);
              try {
                mkdirSync(folder, { recursive: true });
                writeFileSync(path, `content ${at}`);
              } catch {
                // One path is a folder of another.
              }
            }
            const expected = listing(Buffer.from(context));
            const tag = `${registry.host}/names:1`;
            await buildChecked(fresh({ context, dockerfile: "FROM scratch\nCOPY . /\n" }));
            await buildOnly(fresh({ context, dockerfile: "FROM scratch\nCOPY . /\n", tags: [tag], push: true }));

            const out = join(tempFolder(), "rootfs");
            const dockerfile = `FROM ${tag} AS base\nFROM scratch\nCOPY --from=base / /copy/\nCOPY --from=base / /again/\n`;
            await buildOnly(fresh({ dockerfile, outputs: [rootfsFolder(out)] }));
            expect(listing(Buffer.from(join(out, "copy")))).toEqual(expected);
            expect(listing(Buffer.from(join(out, "again")))).toEqual(expected);
          },
        ),
        { numRuns: runs(5) },
      );
    },
  );

  test("of more than 4,096 bytes in all come through too", async () => {
    const part = `${"long".repeat(60)}/`;
    const path = `${part.repeat(30)}file`;
    const dockerfile = "FROM scratch AS one\nCOPY . /\nFROM scratch\nCOPY --from=one / /\n";
    const built = await buildChecked(fresh({ dockerfile, files: { [path]: "deep" } }));
    expect((await built.readFile(path)).toString()).toBe("deep");
  });

  const reserved = [".wh.x", ".wh.", ".wh..", ".wh..wh..opq", "d/.wh.x", ".wh.d/x"];

  test.each(reserved)("%s of a context is refused by name, wherever it is copied from", async (path) => {
    for (const dockerfile of ["FROM scratch\nCOPY . /\n", `FROM scratch\nCOPY ${path} /${path}\n`]) {
      const building = buildOnly(fresh({ dockerfile, files: { [path]: "x" } }));
      await expect(building).rejects.toMatchObject({
        code: "LAYER_INVALID",
        message: expect.stringContaining(".wh."),
        location: { line: 2 },
      });
    }
    // What is not copied does not matter, nor what gets another name.
    const files: MemoryFiles = { [path]: "x", a: "a" };
    expect(await filesOf(await buildChecked(fresh({ dockerfile: "FROM scratch\nCOPY a /\n", files })))).toHaveLength(1);
  });

  test("a name given in the Dockerfile may not be reserved either", async () => {
    for (const line of ["WORKDIR /.wh.a", "COPY a /.wh.a", "COPY <<.wh.a /\nx\n.wh.a"]) {
      const building = buildOnly(fresh({ dockerfile: `FROM scratch\n${line}\n`, files: { a: "" } }));
      await expect(building).rejects.toMatchObject({ code: "LAYER_INVALID" });
    }
  });

  test("whiteouts of no name in an archive of ADD are refused, whatever the destination", async () => {
    for (const path of [".wh.", ".wh..", ".wh...", "d/.wh."]) {
      for (const destination of ["/", "/dst/"]) {
        const archive = tarBytes([
          { path: "d", type: "dir" },
          { path, content: "" },
          { path: "after", content: "" },
        ]);
        const context = memory({ "a.tar": archive });
        const building = buildOnly(fresh({ context, dockerfile: `FROM scratch\nADD a.tar ${destination}\n` }));
        await expect(building).rejects.toMatchObject({ code: "LAYER_INVALID", location: { line: 2 } });
      }
    }
  });
});
