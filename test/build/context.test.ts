import { execFileSync } from "node:child_process";
import {
  appendFileSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  truncateSync,
  unlinkSync,
  writeFileSync,
} from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import {
  buildChecked,
  buildOnly,
  expectNoTemporaryFiles,
  filesOf,
  fresh,
  type TestOptions,
} from "../support/builds.js";
import { bytesFor } from "../support/registry.js";
import { tempFolder } from "../support/temp-folder.js";
import { writeFiles } from "../support/write-files.js";

const posix = process.platform !== "win32";

describe.skipIf(!posix)("C7: symbolic links in a build context", () => {
  const outside = "secret of this machine\n";

  /** A context below a folder that holds a secret. */
  function contextWith(links: Readonly<Record<string, string>>): string {
    const top = tempFolder();
    writeFileSync(join(top, "secret"), outside);
    const context = join(top, "context");
    mkdirSync(context);
    writeFiles(context, {
      "ignored/key": "ignored secret",
      "kept/file": "kept",
      ".dockerignore": "ignored\n",
      Dockerfile: "FROM scratch\nCOPY . /all/\n",
    });
    for (const [name, target] of Object.entries(links)) symlinkSync(target, join(context, name));
    return context;
  }

  async function expectNoSecret(options: TestOptions): Promise<void> {
    const built = await buildChecked(options);
    for await (const { path, type } of built.files()) {
      if (type !== "file") continue;
      expect((await built.readFile(path)).toString()).not.toMatch(/secret/);
    }
  }

  test.each([
    ["out of the context", "../secret"],
    ["to an absolute path", "/etc/passwd"],
    ["into what is ignored", "ignored/key"],
    ["to a folder that is ignored", "ignored"],
    ["to nothing", "none"],
  ])("as the source of a COPY, %s, lead nowhere", async (_, target) => {
    const context = contextWith({ link: target });
    for (const source of ["link", "link/", "link/key", "./link"]) {
      const options = fresh({ context, dockerfile: `FROM scratch\nCOPY ${source} /x\n` });
      await expect(buildOnly(options)).rejects.toMatchObject({ code: "LAYER_COPY", location: { line: 2 } });
    }
    // In a folder that is copied a link is only a link.
    await expectNoSecret(fresh({ context }));
  });

  test("that climb on the way stop at the root of the context", async () => {
    const context = contextWith({ up: "../../..", deep: "kept/../../../kept" });
    const built = await buildChecked(
      fresh({ context, dockerfile: "FROM scratch\nCOPY up/kept /a/\nCOPY deep/file /b\n" }),
    );
    expect((await built.readFile("/a/file")).toString()).toBe("kept");
    expect((await built.readFile("/b")).toString()).toBe("kept");
  });

  test("in a cycle are an error", async () => {
    const context = contextWith({ a: "b", b: "a" });
    const options = fresh({ context, dockerfile: "FROM scratch\nCOPY a/x /x\n" });
    await expect(buildOnly(options)).rejects.toMatchObject({ code: "TREE_LINK_LOOP", location: { line: 2 } });
  });

  test("as the Dockerfile are followed inside the context only", async () => {
    const context = contextWith({ "in.Dockerfile": "kept/Dockerfile", "out.Dockerfile": "../outside" });
    writeFileSync(join(context, "kept/Dockerfile"), "FROM scratch\nCOPY kept/file /f\n");
    writeFileSync(join(context, "../outside"), "FROM scratch\nCOPY kept/file /f\n");
    expect(await filesOf(await buildChecked(fresh({ context, file: join(context, "in.Dockerfile") })))).toHaveLength(1);
    const out = buildOnly(fresh({ context, file: join(context, "out.Dockerfile") }));
    await expect(out).rejects.toMatchObject({ code: "DOCKERFILE_NOT_FOUND" });
  });

  test("as the ignore file are followed inside the context only, and then hold", async () => {
    const context = contextWith({});
    rmSync(join(context, ".dockerignore"));
    writeFileSync(join(context, "kept/list"), "ignored\nkept/list\n");
    symlinkSync("kept/list", join(context, ".dockerignore"));
    await expectNoSecret(fresh({ context }));
  });
});

describe.skipIf(!posix)("C8: files that change while a build reads them", () => {
  const size = 1_400_000;
  const compression = { kind: "uncompressed" } as const;
  const before = bytesFor("before", size);

  const changes: readonly (readonly [string, (file: string, context: string) => void])[] = [
    ["shrinks", (file) => truncateSync(file, 2_000_000)],
    ["shrinks to nothing", (file) => truncateSync(file, 0)],
    ["grows", (file) => appendFileSync(file, "more")],
    ["is rewritten", (file) => writeFileSync(file, bytesFor("after", size))],
    ["is deleted", (file) => unlinkSync(file)],
    ["is replaced", (file) => replace(file)],
    ["is renamed", (file) => renameSync(file, `${file}.old`)],
    [
      "comes to lie behind a link",
      (file, context) => {
        mkdirSync(join(context, "other"));
        writeFileSync(join(context, "other/b"), bytesFor("after", size));
        renameSync(join(file, ".."), join(context, "moved"));
        symlinkSync("other", join(context, "d"));
      },
    ],
  ];

  function replace(file: string): void {
    writeFileSync(`${file}.new`, bytesFor("after", size));
    renameSync(`${file}.new`, file);
  }

  /** The second MiB of the layer begins in the first file and ends in the middle one, the third ends after the last. */
  function contextOf(): string {
    const context = tempFolder();
    writeFiles(context, { "d/a": bytesFor("a", 1_200_000), "d/b": before, "d/c": "end" });
    return context;
  }

  test.each(changes)(
    "one that %s is an error before and while it is read, and nothing afterwards",
    async (_, change) => {
      for (const [afterMiB, keyFirst] of [
        [1, false],
        [2, false],
        [2, true],
        [3, false],
      ] as const) {
        const context = contextOf();
        const options = fresh({ context, dockerfile: "FROM scratch\nCOPY d /d\n", compression });
        // Where a step of this shape is known, the key is made first: then the files are read twice.
        if (keyFirst) {
          writeFileSync(join(context, "d/c"), "other");
          await buildOnly(options);
          writeFileSync(join(context, "d/c"), "end");
        }
        let seen = 0;
        const onEvent: NonNullable<TestOptions["onEvent"]> = (event) => {
          if (event.type === "task-progress" && ++seen === afterMiB) change(join(context, "d/b"), context);
        };
        const outcome = await buildOnly({ ...options, onEvent }).then(
          async (built) => (await built.readFile("/d/b")).equals(before),
          (error: { code?: string }) => error.code,
        );
        expect([afterMiB, outcome]).toEqual([afterMiB, afterMiB < 3 ? "CONTEXT_CHANGED" : true]);
        expectNoTemporaryFiles(options.root);
      }
    },
  );

  test("are built as they are afterwards, when nothing changes any more", async () => {
    const context = contextOf();
    const options = fresh({ context, dockerfile: "FROM scratch\nCOPY d /d\n" });
    let done = false;
    const changing = buildOnly({
      ...options,
      onEvent: (event) => {
        if (event.type === "task-progress" && !done) {
          done = true;
          replace(join(context, "d/b"));
        }
      },
    });
    await expect(changing).rejects.toMatchObject({ code: "CONTEXT_CHANGED", hint: expect.any(String) });
    const built = await buildChecked(options);
    expect((await built.readFile("/d/b")).equals(bytesFor("after", size))).toBe(true);
    expect(readFileSync(join(context, "d/b")).equals(bytesFor("after", size))).toBe(true);
  });
});

describe.skipIf(!posix)("C9: pipes, sockets and devices in a build context", () => {
  test("pipes are copied as what they are, and never opened", async () => {
    const context = tempFolder();
    execFileSync("mkfifo", [join(context, "pipe")]);
    const built = await buildChecked(fresh({ context, dockerfile: "FROM scratch\nCOPY . /\nADD pipe /added\n" }));
    const types: string[] = [];
    for await (const { path, type } of built.files()) types.push(`${path} ${type}`);
    expect(types).toEqual(["/added fifo", "/pipe fifo"]);
    for (const file of ["pipe", "a/pipe"]) {
      const building = buildOnly(fresh({ context, file: join(context, file) }));
      await expect(building).rejects.toMatchObject({ code: expect.stringMatching(/^(DOCKERFILE|CONTEXT)_/) });
    }
  });

  test("sockets are left out with a notice that names them", async () => {
    const context = tempFolder();
    writeFiles(context, { "d/a": "a" });
    const server = createServer().listen(join(context, "d/sock"));
    await new Promise((resolve) => server.once("listening", resolve));
    try {
      const built = await buildChecked(fresh({ context, dockerfile: "FROM scratch\nCOPY . /\n" }));
      expect(await filesOf(built)).toEqual(["/d/ 755 0:0", "/d/a 644 0:0"]);
      expect(built.warnings).toEqual(['"d/sock" in the build context is a socket and was left out']);
    } finally {
      await new Promise((resolve) => server.close(resolve));
    }
  });

  test.skipIf(process.platform !== "linux")("devices are refused by name, unless they are ignored", async () => {
    const options = { context: "/dev", dockerfile: "FROM scratch\nCOPY null zero /\n" };
    await expect(buildOnly(fresh(options))).rejects.toMatchObject({
      code: "CONTEXT_UNSUPPORTED_FILE",
      details: { path: "null", type: "char" },
      location: { line: 2 },
    });
  });
});
