import { readdirSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Readable } from "node:stream";
import { gzipSync } from "node:zlib";
import { describe, expect, onTestFinished, test } from "vitest";
import { type ContextSource, dir, memory, parseContextSource, tar } from "../../src/context/context-source.js";
import { type OpenedContext, openContext, openNamedFolder } from "../../src/context/open-context.js";
import type { OpenContextOptions } from "../../src/context/open-context-options.js";
import { type ErrorCode, isOcibuildError } from "../../src/errors.js";
import { tarBytes } from "../support/tar-bytes.js";
import { tempFolder } from "../support/temp-folder.js";
import { pathsIn, readAll } from "../support/trees.js";
import { writeFiles } from "../support/write-files.js";

interface Opened extends OpenedContext {
  readonly tempDir: string;
}

async function open(source: ContextSource, options: Partial<OpenContextOptions> = {}): Promise<Opened> {
  const tempDir = tempFolder();
  const opened = await openContext(source, { cwd: tempDir, tempDir, ...options });
  onTestFinished(() => opened.close());
  return { ...opened, tempDir };
}

function fails(code: ErrorCode): (error: unknown) => boolean {
  return (error) => isOcibuildError(error, code);
}

function folderWith(files: Parameters<typeof writeFiles>[1]): string {
  const folder = tempFolder();
  writeFiles(folder, files);
  return folder;
}

const chunked = (bytes: Buffer | string, size = 3): Readable => {
  const all = Buffer.from(bytes as string);
  const chunks = Array.from({ length: Math.ceil(all.length / size) }, (_, at) =>
    all.subarray(at * size, (at + 1) * size),
  );
  return Readable.from(chunks, { objectMode: false });
};

describe("a folder", () => {
  test("gives its files, without what .dockerignore excludes, and its Dockerfile", async () => {
    const folder = folderWith({ Dockerfile: "FROM scratch", ".dockerignore": "b\nDockerfile\n", a: "", b: "" });
    const { tree, dockerfile, ignoreFile, root } = await open(dir(folder));
    expect(pathsIn(tree)).toEqual([".dockerignore", "a"]);
    expect(dockerfile).toEqual({ name: "Dockerfile", path: "Dockerfile", text: "FROM scratch" });
    expect(ignoreFile?.name).toBe(".dockerignore");
    expect(root).toBe(folder);
  });

  test("counts from the working directory, and may be a link", async () => {
    const folder = folderWith({ "real/Dockerfile": "x", "real/a": "" });
    symlinkSync("real", join(folder, "link"));
    const { tree, root } = await open(dir("link"), { cwd: folder });
    expect(pathsIn(tree)).toEqual(["Dockerfile", "a"]);
    expect(root).toBe(join(folder, "real"));
  });

  test("that does not exist, or is a file, is an error", async () => {
    const folder = folderWith({ f: "" });
    await expect(open(dir("nope"), { cwd: folder })).rejects.toSatisfy(fails("CONTEXT_NOT_FOUND"));
    await expect(open(dir("f"), { cwd: folder })).rejects.toSatisfy(fails("CONTEXT_NOT_FOUND"));
  });
});

describe("the Dockerfile", () => {
  test("may be called dockerfile, when there is no other", async () => {
    expect((await open(memory({ dockerfile: "lower" }))).dockerfile.text).toBe("lower");
    expect((await open(memory({ dockerfile: "lower", Dockerfile: "upper" }))).dockerfile.text).toBe("upper");
  });

  test("may lie in the context, counted from the working directory", async () => {
    const folder = folderWith({ "ctx/build/My.Dockerfile": "mine", "ctx/a": "" });
    const { dockerfile } = await open(dir("ctx"), { cwd: folder, file: "ctx/build/My.Dockerfile" });
    expect(dockerfile).toEqual({ name: "ctx/build/My.Dockerfile", path: "build/My.Dockerfile", text: "mine" });
  });

  test("may lie outside the context, with an ignore file of its own beside it", async () => {
    const folder = folderWith({
      "ctx/a": "",
      "ctx/b": "",
      "x/D": "outside",
      "x/D.dockerignore": "b",
      "ctx/.dockerignore": "a",
    });
    const { dockerfile, tree, ignoreFile } = await open(dir("ctx"), { cwd: folder, file: "x/D" });
    expect(dockerfile.text).toBe("outside");
    expect(ignoreFile?.name).toBe("x/D.dockerignore");
    expect(pathsIn(tree)).toEqual([".dockerignore", "a"]);
  });

  test("can come from code or from standard input", async () => {
    expect((await open(memory({}), { dockerfile: "code" })).dockerfile.text).toBe("code");
    const { dockerfile, tree } = await open(memory({ a: "" }), { file: "-", stdin: chunked("FROM grün") });
    expect(dockerfile).toEqual({ name: "Dockerfile", path: undefined, text: "FROM grün" });
    expect(pathsIn(tree)).toEqual(["a"]);
  });

  test("that is missing is an error that tells what is there instead", async () => {
    await expect(open(memory({ Dokerfile: "" }))).rejects.toSatisfy(fails("DOCKERFILE_NOT_FOUND"));
    await expect(open(memory({ Dokerfile: "" }))).rejects.toMatchObject({ hint: 'did you mean "Dokerfile"' });
    await expect(open(memory({ "Dockerfile/x": "" }))).rejects.toThrow(
      'expected a Dockerfile at "Dockerfile", but got a dir',
    );
  });

  test("C7: a link is followed in the context only", async () => {
    const link = (target: string): ContextSource =>
      memory({ "real/df": "ours", Dockerfile: { type: "symlink", target } });
    expect((await open(link("real/df"))).dockerfile.text).toBe("ours");
    expect((await open(link("../../real/df"))).dockerfile.text).toBe("ours");
    await expect(open(link("/etc/hostname"))).rejects.toSatisfy(fails("DOCKERFILE_NOT_FOUND"));
  });

  test("U8: a pipe is never opened", async () => {
    await expect(open(memory({ Dockerfile: { type: "fifo" } }))).rejects.toSatisfy(fails("DOCKERFILE_NOT_FOUND"));
  });

  test("C1: of more than 8 MiB is refused", async () => {
    const large = Buffer.alloc(8 * 1024 * 1024 + 1, 35);
    await expect(open(memory({ Dockerfile: large }))).rejects.toSatisfy(fails("DOCKERFILE_TOO_LARGE"));
    const stdin = Readable.from([large]);
    await expect(open(memory({}), { file: "-", stdin })).rejects.toSatisfy(fails("DOCKERFILE_TOO_LARGE"));
  });
});

describe("the ignore file", () => {
  const files = { a: "", b: "", ".dockerignore": "a", Dockerfile: "" };

  test("of the Dockerfile comes before the context's, even when it is empty", async () => {
    const empty = await open(memory({ ...files, "Dockerfile.dockerignore": "" }));
    expect(pathsIn(empty.tree)).toContain("a");
    const own = await open(memory({ ...files, "build/x": "", "build/x.dockerignore": "b\nbuild" }), {
      file: "build/x",
    });
    expect(pathsIn(own.tree)).toEqual([".dockerignore", "Dockerfile", "a"]);
    expect(own.ignoreFile?.name).toBe("build/x.dockerignore");
  });

  test("of another Dockerfile is not read", async () => {
    const { tree } = await open(memory({ ...files, other: "", "Dockerfile.dockerignore": "b" }), { file: "other" });
    expect(pathsIn(tree)).toContain("b");
    expect(pathsIn(tree)).not.toContain("a");
  });

  test("counts also when the Dockerfile is from standard input", async () => {
    const { tree } = await open(memory(files), { file: "-", stdin: chunked("x") });
    expect(pathsIn(tree)).not.toContain("a");
  });

  test("that cannot be read is an error", async () => {
    const bad = memory({ ...files, ".dockerignore": "ok\n[" });
    await expect(open(bad)).rejects.toSatisfy(fails("CONTEXT_IGNORE_INVALID"));
    await expect(open(bad)).rejects.toMatchObject({ details: { file: ".dockerignore", line: 2, pattern: "[" } });
  });
});

describe("an archive", () => {
  const bytes = tarBytes([
    { path: "Dockerfile", content: "FROM tar" },
    { path: "a", content: "x", uid: 5 },
    { path: ".dockerignore", content: "a" },
  ]);

  test("on standard input is the context; BuildKit reads no ignore file there", async () => {
    const { tree, dockerfile, ignoreFile } = await open({ kind: "stdin" }, { stdin: chunked(bytes, 100) });
    expect(dockerfile.text).toBe("FROM tar");
    expect(pathsIn(tree)).toEqual([".dockerignore", "Dockerfile", "a"]);
    expect(ignoreFile).toBeUndefined();
    expect(readAll(tree, "a").toString()).toBe("x");
  });

  test("may be compressed, and may be a file", async () => {
    const folder = tempFolder();
    writeFileSync(join(folder, "c.tgz"), gzipSync(bytes));
    writeFileSync(join(folder, "c.tar"), bytes);
    for (const source of [tar("c.tgz"), tar("c.tar"), tar(chunked(gzipSync(bytes)))]) {
      expect((await open(source, { cwd: folder })).dockerfile.text).toBe("FROM tar");
    }
  });

  test("names a Dockerfile by its path in it", async () => {
    const other = tarBytes([{ path: "d/My", content: "mine" }]);
    expect((await open(tar(chunked(other)), { file: "d/My" })).dockerfile.text).toBe("mine");
    await expect(open(tar(chunked(other)))).rejects.toSatisfy(fails("DOCKERFILE_NOT_FOUND"));
  });

  test("leaves nothing behind, neither after use nor after an error", async () => {
    const opened = await open(tar(chunked(bytes)));
    expect(readdirSync(opened.tempDir)).toHaveLength(1);
    await opened.close();
    await opened.close();
    expect(readdirSync(opened.tempDir)).toEqual([]);
    const tempDir = tempFolder();
    const truncated = gzipSync(bytes).subarray(0, 60);
    await expect(open(tar(chunked(truncated)), { tempDir })).rejects.toSatisfy(fails("CONTEXT_INVALID"));
    await expect(open(tar(chunked(bytes.subarray(0, 700))), { tempDir })).rejects.toSatisfy(fails("TAR_INVALID"));
    await expect(open(tar(chunked(tarBytes([]))), { tempDir })).rejects.toSatisfy(fails("DOCKERFILE_NOT_FOUND"));
    expect(readdirSync(tempDir)).toEqual([]);
  });

  test("U11: may not unpack to more than the limit", async () => {
    const bomb = gzipSync(tarBytes([{ path: "zeros", content: Buffer.alloc(1_000_000) }]));
    await expect(open(tar(chunked(bomb)), { archiveLimitBytes: 100_000 })).rejects.toSatisfy(fails("LIMIT_EXCEEDED"));
  });

  test("may come in bzip2 and xz; what only begins like those is an error", async () => {
    for (const head of [Buffer.from("BZh9"), Buffer.from([0xfd, 0x37, 0x7a, 0x58, 0x5a, 0x00])]) {
      await expect(open(tar(chunked(head)))).rejects.toSatisfy(fails("CONTEXT_INVALID"));
    }
  });

  test("that breaks off, at its start or later, is an error of ours", async () => {
    const broken = (after: number): Readable => {
      let sent = 0;
      return new Readable({
        read() {
          if (sent >= after) this.destroy(new Error("the pipe broke"));
          else this.push(bytes.subarray(sent, sent + 100));
          sent += 100;
        },
      });
    };
    for (const after of [0, 300, 1_500]) {
      await expect(open(tar(broken(after)))).rejects.toSatisfy(fails("CONTEXT_UNREADABLE"));
    }
    await expect(open(memory({}), { file: "-", stdin: broken(300) })).rejects.toThrow(
      "standard input cannot be read to its end",
    );
  });

  test("stops with the reason when it is cancelled while it is read", async () => {
    const controller = new AbortController();
    const endless = new Readable({
      read() {
        this.push(Buffer.alloc(1000, 65));
        setImmediate(() => controller.abort(new Error("stop")));
      },
    });
    const tempDir = tempFolder();
    await expect(open(tar(endless), { signal: controller.signal, tempDir })).rejects.toThrow("stop");
    expect(readdirSync(tempDir)).toEqual([]);
  });

  test("stops before it starts when it is cancelled already", async () => {
    const controller = new AbortController();
    controller.abort(new Error("stop"));
    await expect(open(tar(chunked(bytes)), { signal: controller.signal })).rejects.toThrow("stop");
  });
});

describe("standard input", () => {
  test("with text is a Dockerfile without a context", async () => {
    const { tree, dockerfile, root } = await open({ kind: "stdin" }, { stdin: chunked("FROM stdin") });
    expect(dockerfile).toEqual({ name: "Dockerfile", path: undefined, text: "FROM stdin" });
    expect(pathsIn(tree)).toEqual([]);
    expect(root).toBeUndefined();
  });

  test("cannot be two things", async () => {
    const twice = open({ kind: "stdin" }, { stdin: chunked("x"), file: "-" });
    await expect(twice).rejects.toSatisfy(fails("OPTIONS_INVALID"));
    const both = open({ kind: "stdin" }, { stdin: chunked("FROM x"), file: "Dockerfile" });
    await expect(both).rejects.toSatisfy(fails("OPTIONS_INVALID"));
    await expect(open({ kind: "stdin" })).rejects.toSatisfy(fails("OPTIONS_INVALID"));
  });
});

test("what a command line names is a folder, standard input, a repository or a file of a web server", () => {
  expect(parseContextSource("-")).toEqual({ kind: "stdin" });
  for (const path of ["./x", "x.git", "file:///x.git", "ext::sh", "./git@h:x"]) {
    expect(parseContextSource(path)).toMatchObject({ kind: "dir", path });
  }
  for (const url of ["https://x/y.git", "git@github.com:a/b", "git://x", "github.com/a/b", "ssh://x/y#a:b"]) {
    expect(parseContextSource(url)).toMatchObject({ kind: "git", url });
  }
  for (const url of ["http://x", "https://x/y.tar.gz", "https://x/y.git/z"]) {
    expect(parseContextSource(url)).toMatchObject({ kind: "http", url });
  }
  expect(() => parseContextSource("https://x/y.git?nope=1")).toThrow(expect.toSatisfy(fails("OPTIONS_INVALID")));
});

test("a named folder has an ignore file of its own", () => {
  const folder = folderWith({ keep: "", drop: "", ".dockerignore": "drop" });
  const { tree } = openNamedFolder("extra", folder, { cwd: "/" });
  expect(pathsIn(tree)).toEqual([".dockerignore", "keep"]);
  expect(tree.describe(tree.list("" as never)[0]!)).toBe('".dockerignore" in the build context "extra"');
  expect(tree.explainAbsence("drop" as never)).toContain('of the build context "extra" line 1 ("drop")');
});

describe("a selection in the language of JavaScript tools", () => {
  const files = {
    Dockerfile: "FROM x",
    "src/a.ts": "",
    "src/a.test.ts": "",
    "src/.hidden": "",
    "lib/b.js": "",
    "node_modules/p/i.js": "",
    ".gitignore": "node_modules\n*.log\n",
    "src/.gitignore": "!keep.log\n/a.ts\n",
    "src/keep.log": "",
    "x.log": "",
    ".git/config": "",
  };

  test.each([
    [
      "include",
      { include: ["src/**", "lib"] },
      ["lib/", "lib/b.js", "src/", "src/.gitignore", "src/.hidden", "src/a.test.ts", "src/a.ts", "src/keep.log"],
    ],
    [
      "include and exclude",
      { include: ["**/*.{ts,js}"], exclude: ["**/*.test.ts", "node_modules/"] },
      ["lib/", "lib/b.js", "src/", "src/a.ts"],
    ],
    [
      "gitignore",
      { gitignore: true, exclude: ["Dockerfile"] },
      [".gitignore", "lib/", "lib/b.js", "src/", "src/.gitignore", "src/.hidden", "src/a.test.ts", "src/keep.log"],
    ],
  ])("%s: the same for folders and for values; the Dockerfile is read in any case", async (_, selection, expected) => {
    for (const source of [dir(folderWith(files), selection), memory(files, selection)]) {
      const { tree, dockerfile } = await open(source);
      expect(pathsIn(tree)).toEqual(expected);
      expect(dockerfile.text).toBe("FROM x");
    }
  });

  test("says that what is missing was not selected", async () => {
    const { tree } = await open(memory(files, { include: ["src"] }));
    expect(tree.lstat("lib/b.js" as never)).toBeUndefined();
    expect(tree.list("lib" as never)).toEqual([]);
    expect(tree.explainAbsence("lib/b.js" as never)).toBe('"lib/b.js" is not among the files that the context selects');
  });
});
