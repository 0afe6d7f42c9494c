import { describe, expect, it } from "vitest";
import { type CheckOptions, parseCheckOptions } from "../../../src/dockerfile/lint/check-options.js";
import { Linter } from "../../../src/dockerfile/lint/linter.js";
import { type Diagnostic, isOcibuildError } from "../../../src/errors.js";

const SPAN = { start: 3, end: 7 };

function linterFor(options: string): { linter: Linter; found: Diagnostic[] } {
  const found: Diagnostic[] = [];
  return { linter: Linter.create(parseCheckOptions(options) as CheckOptions, (finding) => found.push(finding)), found };
}

describe("a linter", () => {
  it("makes a warning of a finding, with the rule's message and hint", () => {
    const { linter, found } = linterFor("");
    linter.report("UndefinedVar", SPAN, "A", "B");
    expect(found).toEqual([
      {
        code: "UndefinedVar",
        severity: "warning",
        message: "Usage of undefined variable '$A' (did you mean $B?)",
        span: SPAN,
        hint: expect.stringContaining("ARG or ENV"),
      },
    ]);
  });

  it("reports equal findings as often as they come", () => {
    const { linter, found } = linterFor("");
    linter.report("StageNameCasing", SPAN, "A");
    linter.report("StageNameCasing", SPAN, "A");
    expect(found.length).toBe(2);
  });

  it.each([
    ["skip=StageNameCasing", ["UndefinedVar"]],
    ["skip=all", []],
    ["experimental=CopyIgnoredFile", ["StageNameCasing", "CopyIgnoredFile", "UndefinedVar"]],
    ["experimental=InvalidDefinitionDescription", ["StageNameCasing", "UndefinedVar"]],
    // What is skipped is not experimental, and the other way round.
    ["experimental=all;skip=all", ["CopyIgnoredFile"]],
    ["experimental=CopyIgnoredFile;skip=CopyIgnoredFile", ["StageNameCasing", "CopyIgnoredFile", "UndefinedVar"]],
  ])("with %s reports %j", (options, rules) => {
    const { linter, found } = linterFor(options);
    linter.report("StageNameCasing", SPAN, "A");
    linter.report("CopyIgnoredFile", SPAN, "Copy", "a");
    linter.report("UndefinedVar", SPAN, "A", "");
    expect(found.map(({ code }) => code)).toEqual(rules);
  });

  it("skips more within a comment that says so, and what is below it as before", () => {
    const { linter, found } = linterFor("skip=StageNameCasing");
    const within = linter.within(["a comment", "check=skip=UndefinedVar;experimental=all"]);
    within.report("StageNameCasing", SPAN, "A");
    within.report("UndefinedVar", SPAN, "A", "");
    within.report("CopyIgnoredFile", SPAN, "Copy", "a");
    linter.report("UndefinedVar", SPAN, "A", "");
    expect(found.map(({ code }) => code)).toEqual(["CopyIgnoredFile", "UndefinedVar"]);
    expect(linter.within(["nothing"])).toBe(linter);
  });

  it("throws when findings are errors, with the names of the rules", () => {
    const { linter } = linterFor("error=true;skip=StageNameCasing");
    linter.report("StageNameCasing", SPAN, "A");
    linter.assertClean("Dockerfile");
    linter.within(["check=skip=StageNameCasing"]).report("UndefinedVar", SPAN, "A", "");
    linter.report("MaintainerDeprecated", SPAN);
    linter.report("UndefinedVar", SPAN, "B", "");
    let error: unknown;
    try {
      linter.assertClean("Dockerfile");
    } catch (thrown) {
      error = thrown;
    }
    expect(isOcibuildError(error, "DOCKERFILE_CHECKS")).toBe(true);
    expect(error).toMatchObject({
      message: "lint violation found for rules: UndefinedVar, MaintainerDeprecated",
      details: { file: "Dockerfile", rules: ["UndefinedVar", "MaintainerDeprecated"] },
    });
  });

  it("does not throw when they are not, nor for what nobody hears", () => {
    const { linter } = linterFor("");
    linter.report("MaintainerDeprecated", SPAN);
    linter.assertClean("Dockerfile");
    const silent = Linter.silent(parseCheckOptions("error=true") as CheckOptions);
    silent.report("MaintainerDeprecated", SPAN);
    silent.assertClean("Dockerfile");
    expect(silent.wants("MaintainerDeprecated")).toBe(false);
  });

  it("C1: takes 10,000 findings and no more", () => {
    const { linter, found } = linterFor("");
    for (let count = 0; count < 10_500; count++) linter.report("MaintainerDeprecated", SPAN);
    expect(found.length).toBe(10_000);
    expect(linter.wants("MaintainerDeprecated")).toBe(false);
  });
});
