import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import type { RunBuild } from "../../src/cli/build-command.js";
import { HONOURED_OPTIONS } from "../../src/cli/options/catalogue.js";
import { REFUSED_OPTIONS } from "../../src/cli/options/refused-options.js";
import { runCli } from "../../src/cli/run-cli.js";
import { OcibuildError } from "../../src/errors.js";
import type { BuildOptions } from "../../src/options.js";
import { VERSION } from "../../src/version.js";
import { tempFolder } from "../support/temp-folder.js";
import { finished, output, progress, started } from "./support/build-events.js";
import { fakeBuilt } from "./support/fake-built.js";
import { type FakeIo, type FakeIoOptions, fakeIo } from "./support/fake-io.js";

interface Run {
  readonly code: number;
  readonly io: FakeIo;
  readonly stdout: string;
  readonly stderr: string;
  /** What the build was asked for; `undefined` when there was none. */
  readonly options: BuildOptions | undefined;
}

/** Runs a command line whose build does what `build` does. */
async function run(
  argv: readonly string[],
  build: RunBuild = () => fakeBuilt(),
  ioOptions: FakeIoOptions = {},
): Promise<Run> {
  const io = fakeIo(argv, ioOptions);
  let options: BuildOptions | undefined;
  const code = await runCli(io, async () => (asked) => {
    options = asked;
    return build(asked);
  });
  return { code, io, stdout: io.written.stdout, stderr: io.written.stderr, options };
}

const DIGEST_LINE = /^sha256:[0-9a-f]{64}\n$/;
const failing =
  (error: unknown): RunBuild =>
  async () => {
    throw error;
  };
/** Builds until it is aborted, as a build does. */
const endless: RunBuild = ({ signal }) =>
  new Promise((_, reject) => signal?.addEventListener("abort", () => reject(signal.reason)));

describe("what was meant as a command", () => {
  const notFound = failing(
    new OcibuildError("CONTEXT_NOT_FOUND", 'expected the build context at "x", but got there is nothing', {
      details: { path: "x" },
    }),
  );

  test.each([
    ["imgaes", "images", 1],
    ["pul alpine", "pull", 2],
    ["--root /s rmi2 alpine", "rmi", 2],
    ["imgaes -a", "images", 2],
    ["biuld . .", "build", 2],
  ])("%s is answered with the command that is near", async (line, nearest, expected) => {
    const { code, stderr } = await run(line.split(" "), notFound);
    expect(code).toBe(expected);
    expect(stderr).toContain(`hint: Did you mean "ocibuild ${nearest}"?\n`);
  });

  test.each([["app"], ["src"], ["./imgaes"], ["build imgaes"], ["docs"]])("%s is a build context", async (line) => {
    const { code, stderr } = await run(line.split(" "), notFound);
    expect({ code, stderr }).toEqual({
      code: 1,
      stderr: 'ERROR: expected the build context at "x", but got there is nothing\n',
    });
  });

  test("a folder with a name that is near to a command's is a build context", async () => {
    const cwd = tempFolder();
    mkdirSync(join(cwd, "imgaes"));
    const { stderr } = await run(["imgaes", "-a"], notFound, { cwd });
    expect(stderr).not.toContain("ocibuild images");
  });
});

describe("before any build", () => {
  test.each([["--version"], ["-v"], ["build --version"], ["build -qv"]])("%s prints the version", async (line) => {
    const { code, stdout, stderr, options } = await run(line.split(" "));
    expect({ code, stdout, stderr, options }).toEqual({
      code: 0,
      stdout: `ocibuild ${VERSION}\n`,
      stderr: "",
      options: undefined,
    });
  });

  test.each([["--help"], ["-h"], ["help"], ["build --help"], ["--squash --nonsense -h"]])(
    "%s prints all options",
    async (line) => {
      const { code, stdout, stderr, options } = await run(line.split(" "));
      expect({ code, stderr, options }).toEqual({ code: 0, stderr: "", options: undefined });
      for (const { name } of [...HONOURED_OPTIONS, ...REFUSED_OPTIONS])
        expect(stdout).toMatch(new RegExp(`--${name}[\\s;.]`));
      expect(
        Math.max(
          ...stdout
            .split("\n")
            .filter((row) => !row.includes("type=oci|"))
            .map((row) => row.length),
        ),
      ).toBeLessThanOrEqual(80);
    },
  );

  test.each([
    [[]],
    [["build"]],
    [["a", "b"]],
    [["--taget", "x", "."]],
    [["--squash", "."]],
    [["--progress", "nice", "."]],
    [["-t", "UPPER", "."]],
    [["--progress", "tty", "."]],
    [["-q", "--progress", "plain", "."]],
  ])("%j is wrong use: exit code 2, nothing on stdout, a way to the help", async (argv) => {
    const { code, stdout, stderr, options } = await run(argv);
    expect({ code, stdout, options }).toEqual({ code: 2, stdout: "", options: undefined });
    expect(stderr).toMatch(/^ERROR: [\s\S]*See "ocibuild --help"\.\n$/);
  });
});

describe("a build that is done", () => {
  test("prints the digest alone on stdout, progress and a summary on stderr", async () => {
    const { code, stdout, stderr } = await run(["-t", "app", "."], async ({ onEvent }) => {
      onEvent?.(started("a", "[1/1] COPY . /"));
      onEvent?.(finished("a", "done", 200));
      return fakeBuilt([{ names: ["docker.io/library/app:latest"] }, { path: "out.tar", names: [] }]);
    });
    expect(code).toBe(0);
    expect(stdout).toMatch(DIGEST_LINE);
    expect(stderr.replace(/sha256:[0-9a-f]{64}/g, "DIGEST")).toBe(`#1 [1/1] COPY . /
#1 DONE 0.2s

Digest  DIGEST
Image   1 layer, ${/(\d+B)\n/.exec(stderr)![1]}
        DIGEST  ${/(\d+B)\n/.exec(stderr)![1]}
Output  app:latest
Output  out.tar
`);
    expect(stderr).toContain(stdout);
  });

  test("names the platforms of an index", async () => {
    const { stdout, stderr } = await run(["."], () => fakeBuilt([{}], ["linux/amd64", "linux/arm64"]));
    expect(stdout).toMatch(DIGEST_LINE);
    expect(stderr).toMatch(/^Image {3}linux\/amd64 sha256:[0-9a-f]{64}: 1 layer, /m);
    expect(stderr).toMatch(/^Image {3}linux\/arm64 sha256:/m);
    expect(stderr).toContain("Output  the local store\n");
  });

  test.each([[["-q"]], [["--quiet"]], [["--progress", "quiet"]], [["--progress=quiet", "-q"]]])(
    "%j leaves stderr empty",
    async (args) => {
      const { code, stdout, stderr } = await run([...args, "."], async ({ onEvent }) => {
        onEvent?.(started("a", "a"));
        onEvent?.({ type: "warning", message: "careful" });
        return fakeBuilt();
      });
      expect(code).toBe(0);
      expect(stdout).toMatch(DIGEST_LINE);
      expect(stderr).toBe("");
    },
  );

  test("--progress rawjson has nothing but JSON on stderr", async () => {
    const { stdout, stderr } = await run(["--progress", "rawjson", "."], async ({ onEvent }) => {
      for (const event of [started("a", "a"), progress("a", 1), output("a", "x\n"), finished("a", "done", 1)])
        onEvent?.(event);
      return fakeBuilt();
    });
    expect(stdout).toMatch(DIGEST_LINE);
    expect(
      stderr
        .trimEnd()
        .split("\n")
        .map((line) => JSON.parse(line).type),
    ).toEqual(["task-started", "task-progress", "task-output", "task-finished"]);
  });

  test("progress is a picture on a terminal, and lines elsewhere and on a dumb one", async () => {
    const build: RunBuild = async ({ onEvent }) => {
      onEvent?.(started("a", "a"));
      onEvent?.(finished("a", "done", 1));
      return fakeBuilt();
    };
    const picture = await run(["."], build, { stderrIsTTY: true, columns: 40, rows: 10 });
    expect(picture.stderr).toContain("[+] Building");
    expect(picture.stderr).toContain("\x1b[36m");
    const uncoloured = await run(["."], build, { stderrIsTTY: true, env: { NO_COLOR: "1" } });
    expect(uncoloured.stderr).toContain("[+] Building");
    expect(uncoloured.stderr).not.toContain("\x1b[36m");
    const dumb = await run(["."], build, { stderrIsTTY: true, env: { TERM: "dumb" } });
    expect(dumb.stderr).toContain("#1 DONE");
    const plain = await run(["--progress", "plain", "."], build, { stderrIsTTY: true });
    expect(plain.stderr).toContain("#1 DONE");
    expect((await run(["--progress=tty", "."], build, { stderrIsTTY: true })).stderr).toContain("[+] Building");
  });

  test("an archive on stdout is alone there", async () => {
    const { code, io, stdout, options } = await run(["-o", "-", "."], async ({ stdout }) => {
      stdout?.write("archive");
      return fakeBuilt();
    });
    expect({ code, stdout }).toEqual({ code: 0, stdout: "" });
    expect(io.stdoutBytes.read().toString()).toBe("archive");
    expect(options?.outputs).toMatchObject([{ type: "tar", dest: "-" }]);
  });

  test("standard input is opened only when something is read from it", async () => {
    expect((await run(["."])).io.hasOpenedStdin).toBe(false);
    for (const args of [["-"], ["-f", "-", "."]]) {
      const { io, options } = await run(args, undefined, { stdin: "FROM scratch" });
      expect(io.hasOpenedStdin).toBe(true);
      expect(options?.stdin).toBe(io.stdin());
    }
  });
});

describe("files about the result", () => {
  test("--iidfile has the digest of the config, or of the index", async () => {
    const cwd = tempFolder();
    const built = await fakeBuilt();
    await run(["--iidfile", "id", "."], async () => built, { cwd });
    expect(readFileSync(join(cwd, "id"), "utf8")).toBe(built.images[0]!.manifest.config.digest);
    const index = await fakeBuilt([{}], ["linux/amd64", "linux/arm64"]);
    await run(["--iidfile", "id", "."], async () => index, { cwd });
    expect(readFileSync(join(cwd, "id"), "utf8")).toBe(index.digest);
  });

  test("--iidfile of an earlier build does not outlive a build that fails", async () => {
    const cwd = tempFolder();
    writeFileSync(join(cwd, "id"), "old");
    expect((await run(["--iidfile", "id", "."], failing(new Error("x")), { cwd })).code).toBe(1);
    expect(existsSync(join(cwd, "id"))).toBe(false);
  });

  test("--metadata-file has docker's keys", async () => {
    const cwd = tempFolder();
    const built = await fakeBuilt([
      { names: ["r.example/a:1", "r.example/b:2"] },
      { names: ["r.example/a:1"], path: "x" },
    ]);
    await run(["--metadata-file", "sub.json", "."], async () => built, { cwd });
    expect(JSON.parse(readFileSync(join(cwd, "sub.json"), "utf8"))).toEqual({
      "containerimage.config.digest": built.images[0]!.manifest.config.digest,
      "containerimage.descriptor": JSON.parse(JSON.stringify(built.descriptor)),
      "containerimage.digest": built.digest,
      "image.name": "r.example/a:1,r.example/b:2",
    });
  });

  test("that cannot be written are an error, and no digest is printed", async () => {
    const { code, stdout, stderr } = await run(["--metadata-file", "none/x.json", "."], undefined, {
      cwd: tempFolder(),
    });
    expect({ code, stdout }).toEqual({ code: 1, stdout: "" });
    expect(stderr).toContain("x.json");
  });
});

describe("a build that fails", () => {
  const error = new OcibuildError("IMAGE_NOT_FOUND", 'image "x" is not there', {
    details: { reference: "x" },
    hint: "Pull it.",
  });

  test("has exit code 1, nothing on stdout, and the error on stderr", async () => {
    const { code, stdout, stderr } = await run(["."], failing(error));
    expect({ code, stdout, stderr }).toEqual({
      code: 1,
      stdout: "",
      stderr: 'ERROR: image "x" is not there\nhint: Pull it.\n',
    });
  });

  test("shows its error even when quiet, and as JSON in rawjson", async () => {
    expect((await run(["-q", "."], failing(error))).stderr).toContain('ERROR: image "x"');
    const { stderr } = await run(["--progress", "rawjson", "."], failing(error));
    expect(JSON.parse(stderr)).toMatchObject({ version: 1, type: "error", code: "IMAGE_NOT_FOUND", hint: "Pull it." });
  });

  test("for an option has exit code 2", async () => {
    const { code } = await run(["."], failing(new OcibuildError("OPTIONS_INVALID", "x", { details: { option: "x" } })));
    expect(code).toBe(2);
  });

  test.each([[new TypeError("oops")], ["text"], [undefined], [null]])(
    "S4: with %j is said to be a mistake of ours",
    async (thrown) => {
      const { code, stderr } = await run(["."], failing(thrown));
      expect(code).toBe(1);
      expect(stderr).toMatch(/^ERROR: internal error: [\s\S]*report/);
    },
  );

  test("ends the picture before the error", async () => {
    const build: RunBuild = async ({ onEvent }) => {
      onEvent?.(started("a", "a"));
      throw error;
    };
    const { stderr } = await run(["."], build, { stderrIsTTY: true });
    expect(stderr.indexOf("FAILED")).toBeGreaterThan(0);
    expect(stderr.indexOf("FAILED")).toBeLessThan(stderr.indexOf('image "x"'));
  });
});

describe("K11: a build that is stopped", () => {
  const begin = (
    args: readonly string[],
    build: RunBuild,
    options?: FakeIoOptions,
  ): { io: FakeIo; code: Promise<number> } => {
    const io = fakeIo(args, options);
    return { io, code: runCli(io, async () => build) };
  };
  const settled = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 20));

  test.each([
    ["SIGINT", 130],
    ["SIGTERM", 143],
    ["SIGHUP", 129],
  ] as const)("by %s is aborted and has exit code %d", async (signal, expected) => {
    const { io, code } = begin(["."], endless);
    await settled();
    io.send(signal);
    expect(await code).toBe(expected);
    expect(io.written).toEqual({ stdout: "", stderr: `ERROR: interrupted by ${signal}\n` });
    expect(io.exits).toEqual([]);
  });

  test("twice ends at once, while the first is still cleaning up", async () => {
    let release = (): void => {};
    const slow: RunBuild = ({ signal }) =>
      new Promise((_, reject) => {
        release = () => reject(signal?.reason);
      });
    const { io, code } = begin(["."], slow);
    await settled();
    io.send("SIGINT");
    expect(io.exits).toEqual([]);
    io.send("SIGTERM");
    expect(io.exits).toEqual([143]);
    release();
    await code;
  });

  test("while it reads standard input lets go of it", async () => {
    const { io, code } = begin(["-"], endless);
    await settled();
    io.send("SIGINT");
    expect(await code).toBe(130);
    expect(io.stdin().destroyed).toBe(true);
  });

  test("because nobody reads its output ends silently with 141", async () => {
    const { io, code } = begin(["."], endless);
    await settled();
    io.breakPipe();
    io.breakPipe();
    expect(await code).toBe(141);
    expect(io.written).toEqual({ stdout: "", stderr: "" });
  });

  test("and is complete nevertheless is done", async () => {
    const { io, code } = begin(
      ["-q", "."],
      ({ signal }) => new Promise((resolve) => signal?.addEventListener("abort", () => resolve(fakeBuilt()))),
    );
    await settled();
    io.send("SIGINT");
    expect(await code).toBe(0);
    expect(io.written.stdout).toMatch(DIGEST_LINE);
  });

  test("says so in JSON to a program", async () => {
    const { io, code } = begin(["--progress", "rawjson", "."], endless);
    await settled();
    io.send("SIGTERM");
    await code;
    expect(JSON.parse(io.written.stderr)).toEqual({ version: 1, type: "error", message: "interrupted by SIGTERM" });
  });
});
