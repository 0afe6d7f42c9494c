import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  checkOptionsOf,
  checkOptionsOfComment,
  parseCheckOptions,
} from "../../../src/dockerfile/lint/check-options.js";
import { isOcibuildError } from "../../../src/errors.js";
import { parse } from "../../support/dockerfile.js";

const set = (...names: string[]): Set<string> => new Set(names);

describe("check options", () => {
  it.each([
    ["", set(), set(), false],
    ["  ", set(), set(), false],
    ["skip=all", "all", set(), false],
    ["skip=StageNameCasing", set("StageNameCasing"), set(), false],
    ["skip=StageNameCasing, UndefinedVar ", set("StageNameCasing", "UndefinedVar"), set(), false],
    [" skip = all ; error = true ", "all", set(), true],
    ["error=T", set(), set(), true],
    ["experimental=all;skip=UndefinedVar;error=0", set("UndefinedVar"), "all", false],
    ["skip=UndefinedVar;skip=StageNameCasing", set("StageNameCasing"), set(), false],
    ["skip=stagenamecasing,NoSuchRule,__proto__", set(), set(), false],
    // The third part keeps its semicolons.
    ["error=false;error=true;experimental=CopyIgnoredFile;x", set(), set(), true],
  ])("%j", (text, skip, experimental, error) => {
    expect(parseCheckOptions(text)).toEqual({ skip, experimental, error });
  });

  it.each([
    ["nonsense", 'invalid check option "nonsense"'],
    ["skip=all;", 'invalid check option ""'],
    ["foo=bar", 'invalid check option "foo"'],
    ["Skip=all", 'invalid check option "Skip"'],
    [
      "error=perhaps",
      'failed to parse check option "error=perhaps": strconv.ParseBool: parsing "perhaps": invalid syntax',
    ],
    ["a;b;c;d", 'invalid check option "a"'],
  ])("%j has a problem", (text, problem) => {
    expect(parseCheckOptions(text)).toEqual({ problem });
  });

  it("C14: are read or refused, whatever the text", () => {
    fc.assert(
      fc.property(fc.string(), (text) => {
        const options = parseCheckOptions(text);
        expect("problem" in options ? options.problem : options.error).toBeDefined();
      }),
    );
  });
});

describe("the options for a build", () => {
  const NONE: ReadonlyMap<string, string> = new Map();

  it("are those of the directive, up to its first blank", () => {
    const dockerfile = parse("# check=skip=StageNameCasing, UndefinedVar\nFROM scratch\n");
    expect(checkOptionsOf(dockerfile, NONE).skip).toEqual(set("StageNameCasing"));
  });

  it("are those of the build argument alone when there is one, blanks and all", () => {
    const dockerfile = parse("# check=nonsense\nFROM scratch\n");
    const buildArgs = new Map([["BUILDKIT_DOCKERFILE_CHECK", "skip=StageNameCasing, UndefinedVar; error=true"]]);
    expect(checkOptionsOf(dockerfile, buildArgs)).toEqual({
      skip: set("StageNameCasing", "UndefinedVar"),
      experimental: set(),
      error: true,
    });
  });

  it("are nothing special without either", () => {
    expect(checkOptionsOf(parse("FROM scratch\n# check=skip=all\n"), NONE).skip).toEqual(set());
  });

  it("point at the directive that cannot be read", () => {
    const dockerfile = parse("# syntax=x\n# check=nonsense\nFROM scratch\n");
    const error = thrownBy(() => checkOptionsOf(dockerfile, NONE));
    expect(isOcibuildError(error, "PLAN_INVALID")).toBe(true);
    expect(error).toMatchObject({
      message: 'failed to parse check options: invalid check option "nonsense"',
      location: { line: 2 },
      hint: expect.stringContaining("skip=Rule"),
    });
  });

  it("name the build argument that cannot be read", () => {
    const error = thrownBy(() =>
      checkOptionsOf(parse("FROM scratch\n"), new Map([["BUILDKIT_DOCKERFILE_CHECK", "x"]])),
    );
    expect(isOcibuildError(error, "OPTIONS_INVALID")).toBe(true);
    expect((error as Error).message).toBe(
      'failed to parse build-arg:BUILDKIT_DOCKERFILE_CHECK: invalid check option "x"',
    );
  });
});

describe("the options of a comment", () => {
  it.each([
    [["check=skip=UndefinedVar"], set("UndefinedVar")],
    [["anything", "CHECK = skip=UndefinedVar and why", "check=skip=all"], set("UndefinedVar")],
    [["check=skip=all"], "all"],
  ])("%j", (comments, skip) => {
    expect(checkOptionsOfComment(comments)?.skip).toEqual(skip);
  });

  it.each([
    [[]],
    [["nothing of the kind"]],
    [["check"]],
    [["check=nonsense", "check=skip=all"]],
    [["see check=skip=all"]],
  ])("%j has none", (comments) => {
    expect(checkOptionsOfComment(comments)).toBeUndefined();
  });
});

function thrownBy(action: () => unknown): unknown {
  try {
    action();
  } catch (error) {
    return error;
  }
  throw new Error("nothing was thrown");
}
