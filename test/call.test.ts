/** What can be asked about a build, asked of real folders. */
import { describe, expect, it } from "vitest";
import { isOcibuildError } from "../src/errors.js";
import { type BuildOptions, check, memory, outline, targets } from "../src/index.js";
import { tempFolder } from "./support/temp-folder.js";
import { writeFiles } from "./support/write-files.js";

function options(files: Readonly<Record<string, string>>, more: Partial<BuildOptions> = {}): BuildOptions {
  return { context: memory(files), root: tempFolder(), ...more };
}

describe("check", () => {
  it("finds what is wrong, with the place and the lines", async () => {
    const { findings, error, source } = await check(options({ Dockerfile: "FROM scratch\nLABEL a=b \\\n  c=$D\n" }));
    expect(error).toBeUndefined();
    expect(source.name).toBe("Dockerfile");
    expect(findings).toEqual([
      {
        rule: "UndefinedVar",
        description: "Variables are declared before they are used",
        url: "https://docs.docker.com/go/dockerfile/rule/undefined-var/",
        message: "Usage of undefined variable '$D'",
        hint: expect.any(String),
        lines: { first: 2, last: 3 },
        location: { file: "Dockerfile", line: 2, column: 1, excerpt: expect.stringContaining("> 2 | LABEL a=b") },
      },
    ]);
  });

  it("knows the ignore file of the context", async () => {
    const files = { Dockerfile: "# check=experimental=all\nFROM scratch\nCOPY a b /\n", ".dockerignore": "a\n", b: "" };
    expect((await check(options(files))).findings.map(({ message }) => message)).toEqual([
      'Attempting to Copy file "a" that is excluded by .dockerignore',
    ]);
    const own = { ...files, "Dockerfile.dockerignore": "b\n" };
    expect((await check(options(own))).findings.map(({ message }) => message)).toEqual([
      'Attempting to Copy file "b" that is excluded by .dockerignore',
    ]);
  });

  it("reads the Dockerfile of a folder, and looks at the target alone", async () => {
    const folder = tempFolder();
    writeFiles(folder, { "x.Dockerfile": "FROM scratch AS one\nCMD a\nFROM scratch AS two\nENTRYPOINT b\n" });
    const asked = { context: folder, file: `${folder}/x.Dockerfile`, root: tempFolder() };
    expect((await check(asked)).findings.map(({ lines }) => lines.first)).toEqual([2, 4]);
    expect((await check({ ...asked, target: "one" })).findings.map(({ lines }) => lines.first)).toEqual([2]);
  });

  it("says what keeps the Dockerfile from being built, beside what it found", async () => {
    const { findings, error } = await check(options({ Dockerfile: "FROM scratch AS X\nWRONG\n" }));
    expect(findings.map(({ rule }) => rule)).toEqual(["StageNameCasing"]);
    expect(isOcibuildError(error, "DOCKERFILE_INVALID")).toBe(true);
  });

  it("throws when there is nothing to check, or options that nobody knows", async () => {
    await expect(check(options({}))).rejects.toSatisfy((error) => isOcibuildError(error, "DOCKERFILE_NOT_FOUND"));
    const misspelt = { ...options({ Dockerfile: "FROM scratch\n" }), taget: "x" } as BuildOptions;
    await expect(check(misspelt)).rejects.toSatisfy((error) => isOcibuildError(error, "OPTIONS_UNKNOWN_KEY"));
  });

  it("rejects with the reason of the signal", async () => {
    const reason = new Error("enough");
    const signal = AbortSignal.abort(reason);
    await expect(check(options({ Dockerfile: "FROM scratch\n" }, { signal }))).rejects.toBe(reason);
  });
});

describe("outline and targets", () => {
  const files = {
    Dockerfile:
      "# A the first\nARG A=scratch\n# one makes it\nFROM $A AS one\nRUN --mount=type=secret,id=s x\nFROM one\n",
  };

  it("tell what a target can be given", async () => {
    expect(await outline(options(files, { buildArgs: { A: "scratch" } }))).toMatchObject({
      name: undefined,
      args: [{ name: "A", value: "scratch", description: "the first" }],
      secrets: [{ name: "s", required: false, lines: { first: 5, last: 5 } }],
    });
    expect(await outline(options(files, { target: "one" }))).toMatchObject({ name: "one", description: "makes it" });
  });

  it("tell which targets there are", async () => {
    const { targets: found } = await targets(options(files));
    expect(found.map(({ name, isDefault }) => [name, isDefault])).toEqual([
      ["one", false],
      [undefined, true],
    ]);
  });
});
