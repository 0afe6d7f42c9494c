import { describe, expect, test } from "vitest";
import type { CheckResult, Finding, OutlineResult, TargetsResult } from "../../../src/call.js";
import type { Calls } from "../../../src/cli/call/call-command.js";
import { runCli } from "../../../src/cli/run-cli.js";
import { OcibuildError } from "../../../src/errors.js";
import type { BuildOptions } from "../../../src/options.js";
import { locate, sourceText } from "../../../src/util/source-text.js";
import { type FakeIo, fakeIo } from "../support/fake-io.js";

const SOURCE = sourceText("Dockerfile", "FROM scratch AS One\nLABEL a=b \\\n  c=$D\nCMD x\n");

const finding = (rule: Finding["rule"], message: string, first: number, last = first): Finding => ({
  rule,
  description: "What is demanded",
  url: rule === "InvalidBaseImagePlatform" ? undefined : `https://example.com/${rule}`,
  message,
  hint: "do this",
  lines: { first, last },
  location: locate(SOURCE, { start: 0, end: 4 }),
});

const CLEAN: CheckResult = { findings: [], error: undefined, source: SOURCE };
const OUTLINE: OutlineResult = {
  name: "one",
  description: "does it",
  args: [
    { name: "VERSION", description: "of it", value: "1", lines: { first: 1, last: 1 } },
    { name: "X", description: undefined, value: "", lines: { first: 2, last: 3 } },
  ],
  secrets: [{ name: "token", required: true, lines: { first: 4, last: 4 } }],
  ssh: [{ name: "default", required: false, lines: { first: 4, last: 4 } }],
  source: SOURCE,
};
const TARGETS: TargetsResult = {
  targets: [
    {
      name: "build",
      isDefault: false,
      description: "makes it",
      base: "$BASE",
      platform: "$BUILDPLATFORM",
      lines: { first: 1, last: 1 },
    },
    {
      name: "final",
      isDefault: true,
      description: undefined,
      base: "scratch",
      platform: undefined,
      lines: { first: 2, last: 3 },
    },
  ],
  source: SOURCE,
};

interface Answers {
  readonly check?: CheckResult;
  readonly outline?: OutlineResult;
  readonly targets?: TargetsResult;
}

interface Run {
  readonly code: number;
  readonly io: FakeIo;
  readonly stdout: string;
  readonly stderr: string;
  readonly options: BuildOptions | undefined;
}

async function run(argv: readonly string[], answers: Answers = {}): Promise<Run> {
  const io = fakeIo(argv);
  let options: BuildOptions | undefined;
  const answer = <T>(value: T): ((asked: BuildOptions) => Promise<T>) => {
    return async (asked) => {
      options = asked;
      return value;
    };
  };
  const calls: Calls = {
    runCheck: answer(answers.check ?? CLEAN),
    runOutline: answer(answers.outline ?? OUTLINE),
    runTargets: answer(answers.targets ?? TARGETS),
  };
  const noBuild = async (): Promise<never> => {
    throw new Error("there was a build");
  };
  const code = await runCli(io, noBuild, async () => calls);
  return { code, io, stdout: io.written.stdout, stderr: io.written.stderr, options };
}

const json = (text: string): unknown => JSON.parse(text);

describe("--check", () => {
  test("says that there is nothing to say", async () => {
    expect(await run(["--check", "."])).toMatchObject({
      code: 0,
      stdout: "Check complete, no warnings found.\n",
      stderr: "",
    });
  });

  test("shows each finding with its lines, in their order, and ends with 1", async () => {
    const findings = [
      finding("JSONArgsRecommended", "JSON is better", 4),
      finding("UndefinedVar", "no $D", 2, 3),
      finding("InvalidBaseImagePlatform", "wrong machine", 1),
    ];
    const { code, stdout, stderr } = await run(["--check", "."], { check: { ...CLEAN, findings } });
    expect({ code, stderr }).toEqual({ code: 1, stderr: "" });
    expect(stdout).toBe(`Check complete, 3 warnings have been found!

WARNING: InvalidBaseImagePlatform
wrong machine
Dockerfile:1
--------------------
   1 | >>> FROM scratch AS One
   2 |     LABEL a=b \\
   3 |       c=$D
--------------------

WARNING: UndefinedVar - https://example.com/UndefinedVar
no $D
Dockerfile:2
--------------------
   1 |     FROM scratch AS One
   2 | >>> LABEL a=b \\
   3 | >>>   c=$D
   4 |     CMD x
--------------------

WARNING: JSONArgsRecommended - https://example.com/JSONArgsRecommended
JSON is better
Dockerfile:4
--------------------
   2 |     LABEL a=b \\
   3 |       c=$D
   4 | >>> CMD x
   5 |     ${""}
--------------------
`);
  });

  test.each([["--call", "check"], ["--call=lint"], ["--call", "outline", "--check"]])(
    "is what %s %s %s asks for, too",
    async (...args) => {
      const { stdout } = await run([...args.filter((arg) => arg !== undefined), "."]);
      expect(stdout).toMatch(/^Check complete/);
    },
  );

  test("has keys as docker's in JSON, each line a range, in the order of the findings", async () => {
    const findings = [finding("UndefinedVar", "no $D", 2, 3), finding("InvalidBaseImagePlatform", "wrong machine", 1)];
    const { code, stdout } = await run(["--call", "check,format=json", "."], { check: { ...CLEAN, findings } });
    expect(code).toBe(1);
    const range = (line: number): object => ({ start: { line }, end: { line } });
    expect(json(stdout)).toEqual({
      warnings: [
        {
          ruleName: "UndefinedVar",
          description: "What is demanded",
          url: "https://example.com/UndefinedVar",
          detail: "no $D",
          location: { ranges: [range(2), range(3)] },
        },
        {
          ruleName: "InvalidBaseImagePlatform",
          description: "What is demanded",
          detail: "wrong machine",
          location: { ranges: [range(1)] },
        },
      ],
      sources: [{ filename: "Dockerfile", data: Buffer.from(SOURCE.text).toString("base64"), language: "Dockerfile" }],
    });
  });

  test("ends with 0 all the same when the status is to be ignored", async () => {
    const check = { ...CLEAN, findings: [finding("UndefinedVar", "no $D", 2)] };
    expect((await run(["--call", "check,ignorestatus=true", "."], { check })).code).toBe(0);
  });

  test("says after the findings why it ended early, whatever status is to be ignored", async () => {
    const error = new OcibuildError("PLAN_INVALID", "it cannot be built", {
      details: { file: "Dockerfile" },
      location: locate(SOURCE, { start: 20, end: 25 }),
    });
    const check = { ...CLEAN, findings: [finding("UndefinedVar", "no $D", 2)], error };
    const { code, stdout, stderr } = await run(["--call", "check,ignorestatus=true", "."], { check });
    expect(code).toBe(1);
    expect(stdout).toMatch(/^Check complete, 1 warning has been found!\n/);
    expect(stderr).toMatch(/^ERROR: it cannot be built\nDockerfile:2:1\n/);
    const asJson = await run(["--call", "check,format=json", "."], { check });
    expect(json(asJson.stdout)).toMatchObject({
      buildError: {
        message: "it cannot be built",
        location: { ranges: [{ start: { line: 2 }, end: { line: 2 } }] },
      },
    });
    expect((await run(["--check", "."], { check: { ...CLEAN, error } })).stdout).toBe("");
  });

  test("L6: writes no controls of a Dockerfile, and of a long one only so much", async () => {
    const source = sourceText("Docker\x1b[31mfile", `LABEL \x1b]0;x\x07a=${"b".repeat(10_000)}\n${"x\n".repeat(5000)}`);
    const check = { findings: [finding("UndefinedVar", "no \x1b[2J$D\n::error::", 1, 5000)], error: undefined, source };
    const { stdout } = await run(["--check", "."], { check });
    expect(stdout).not.toMatch(/[\x00-\x09\x0b-\x1f]/);
    expect(stdout).not.toMatch(/^::/m);
    expect(stdout.length).toBeLessThan(5000);
    expect(stdout).toContain("   … | 4901 more lines\n");
    const asJson = await run(["--call", "check,format=json", "."], { check });
    expect(json(asJson.stdout)).toMatchObject({
      warnings: [{ location: { ranges: [{ start: { line: 1 }, end: { line: 5000 } }] } }],
    });
  });
});

describe("--call outline", () => {
  test("shows what a target can be told in tables", async () => {
    const { code, stdout } = await run(["--call", "outline", "."]);
    expect(code).toBe(0);
    expect(stdout.replace(/ +$/gm, "")).toBe(`TARGET:      one
DESCRIPTION: does it

BUILD ARG   VALUE   DESCRIPTION
VERSION     1       of it
X

SECRET   REQUIRED
token    true

SSH       REQUIRED
default

`);
  });

  test("shows nothing where there is nothing, and (default) for a stage without name", async () => {
    const nothing = { name: undefined, description: undefined, args: [], secrets: [], ssh: [], source: SOURCE };
    expect((await run(["--call", "outline", "."], { outline: nothing })).stdout).toBe("");
    const described = { ...nothing, description: "all of it" };
    expect((await run(["--call", "outline", "."], { outline: described })).stdout).toMatch(/^TARGET: +\(default\)\n/);
  });

  test("leaves out what is empty in JSON", async () => {
    const { stdout } = await run(["--call", "outline,format=json", "."]);
    const range = (line: number): object => ({ start: { line }, end: { line } });
    expect(json(stdout)).toEqual({
      name: "one",
      description: "does it",
      args: [
        { name: "VERSION", description: "of it", value: "1", location: { ranges: [range(1)] } },
        { name: "X", location: { ranges: [range(2), range(3)] } },
      ],
      secrets: [{ name: "token", required: true, location: { ranges: [range(4)] } }],
      ssh: [{ name: "default", location: { ranges: [range(4)] } }],
      sources: [Buffer.from(SOURCE.text).toString("base64")],
    });
    const nothing = { name: undefined, description: undefined, args: [], secrets: [], ssh: [], source: SOURCE };
    const bare = await run(["--call", "outline,format=json", "."], { outline: nothing });
    expect(Object.keys(json(bare.stdout) as object)).toEqual(["sources"]);
  });
});

describe("--call targets", () => {
  test("lists the stages", async () => {
    const { code, stdout } = await run(["--call", "targets", "."]);
    expect(code).toBe(0);
    expect(stdout.replace(/ +$/gm, "")).toBe(`TARGET          DESCRIPTION
build           makes it
final (default)
`);
  });

  test("has keys as docker's in JSON", async () => {
    const { stdout } = await run(["--call", "targets,format=json", "."]);
    expect(json(stdout)).toMatchObject({
      targets: [
        { name: "build", description: "makes it", base: "$BASE", platform: "$BUILDPLATFORM" },
        { name: "final", default: true, base: "scratch", location: { ranges: [{}, {}] } },
      ],
    });
    expect(stdout).not.toContain('"default": false');
  });
});

describe("any call", () => {
  test("gets the options of the build, and takes no notice of where a result would go", async () => {
    const args = ["--check", "-t", "app", "-o", "type=oci", "--target", "one", "--build-arg", "A=1", "."];
    const { code, options } = await run(args);
    expect(code).toBe(0);
    expect(options).toMatchObject({ target: "one", buildArgs: { A: "1" } });
  });

  test("reads a Dockerfile from standard input", async () => {
    expect((await run(["--check", "-f", "-", "."])).io.hasOpenedStdin).toBe(true);
  });

  test("is refused like a build when it is misspelt", async () => {
    const { code, stderr, options } = await run(["--call", "chekc", "."]);
    expect({ code, options }).toEqual({ code: 2, options: undefined });
    expect(stderr).toMatch(/^ERROR: "--call chekc" expected one of [^\n]*\nhint: [^\n]*\nSee "ocibuild --help"\.\n$/);
  });

  test("--check=false and --call build ask for a build", async () => {
    for (const args of [["--check=false"], ["--call", "build"], ["--check", "--call", "build"]]) {
      expect((await run([...args, "."])).stderr).toContain("there was a build");
    }
  });
});
