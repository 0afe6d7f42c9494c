import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type CheckOptions, parseCheckOptions } from "../../../src/dockerfile/lint/check-options.js";
import { lintSyntax } from "../../../src/dockerfile/lint/lint-syntax.js";
import { Linter } from "../../../src/dockerfile/lint/linter.js";
import { linesOf } from "../../../src/util/source-text.js";
import { parse } from "../../support/dockerfile.js";

/** `line Rule: message` of each finding. */
function findings(text: string, options = ""): string[] {
  const dockerfile = parse(text);
  const found: string[] = [];
  const linter = Linter.create(parseCheckOptions(options) as CheckOptions, ({ code, message, span }) => {
    found.push(`${linesOf(dockerfile.source, span).first} ${code}: ${message}`);
  });
  lintSyntax(dockerfile, linter);
  return found;
}

const rules = (text: string, options = ""): string[] => findings(text, options).map((line) => line.split(":")[0]!);

describe("casing", () => {
  it.each([
    ["FROM a\nRUN b\nrun c\n", ["3 ConsistentInstructionCasing"]],
    ["from a\nrun b\nRUN c\n", ["3 ConsistentInstructionCasing"]],
    // As many of one as of the other: upper case is right.
    ["FROM a\nrun b\n", ["2 ConsistentInstructionCasing"]],
    // Neither counts for the majority, and both are wrong.
    ["From a\nRun b\nrun c\n", ["1 ConsistentInstructionCasing", "2 ConsistentInstructionCasing"]],
    // ARGs above the first FROM do not count.
    ["arg a\narg b\narg c\nFROM a\n", []],
    ["FROM a\nONBUILD run b\n", []],
  ])("of keywords follows the majority: %j", (text, expected) => {
    expect(rules(text)).toEqual(expected);
  });

  it.each([
    ["FROM a AS b\n", []],
    ["from a as b\n", []],
    ["FROM a as b\n", ["1 FromAsCasing"]],
    ["FROM a As b\n", ["1 FromAsCasing"]],
    ["from a AS b\n", ["1 FromAsCasing"]],
    // Told by another rule.
    ["From a as b\n", ["1 ConsistentInstructionCasing"]],
    ["FROM --platform=x a \\\n  as b\n", ["1 FromAsCasing"]],
  ])("of AS follows FROM: %j", (text, expected) => {
    expect(rules(text)).toEqual(expected);
  });

  it("of a stage is lower", () => {
    expect(findings("FROM a AS Web-1\n")).toEqual(["1 StageNameCasing: Stage name 'Web-1' should be lowercase"]);
  });
});

describe("names of stages", () => {
  it("are unique and not reserved, in lower case", () => {
    expect(
      findings("FROM a AS x\nFROM a AS X\nFROM a AS x\nFROM a AS Context\nFROM a\nFROM a\n", "skip=StageNameCasing"),
    ).toEqual([
      '2 DuplicateStageName: Duplicate stage name "x", stage names should be unique',
      '3 DuplicateStageName: Duplicate stage name "x", stage names should be unique',
      '4 ReservedStageName: Stage name should not use the same name as reserved stage "context"',
    ]);
  });
});

describe("descriptions", () => {
  const on = "experimental=all";

  it.each([
    ["# a comment\nARG A\nFROM b\n", ["2 InvalidDefinitionDescription"]],
    ["# A comment\nARG A\nFROM b\n", []],
    ["# A\nARG A\nFROM b\n", []],
    ["# A comment\n# and more\nARG A\nFROM b\n", ["3 InvalidDefinitionDescription"]],
    ["# a comment\n\nARG A\nFROM b\n", ["3 InvalidDefinitionDescription"]],
    ["# a comment\n#\nARG A\nFROM b\n", []],
    ["FROM a\n# B comment\nARG A B\n", []],
    ["\n# one thing\nFROM a AS One\n", ["3 StageNameCasing"]],
    ["\n# anything\nFROM a\n", []],
  ])("begin with a name: %j", (text, expected) => {
    expect(rules(text, on)).toEqual(expected);
  });

  it("are not asked for unless somebody does", () => {
    expect(rules("# a comment\nARG A\nFROM b\n")).toEqual([]);
  });
});

describe("other rules", () => {
  it("know deprecated instructions and empty lines", () => {
    expect(findings("FROM a\nMAINTAINER b\nRUN a \\\n\n  b\n")).toEqual([
      "5 NoEmptyContinuation: Empty continuation line",
      "2 MaintainerDeprecated: Maintainer instruction is deprecated in favor of using label",
    ]);
  });

  it("are skipped by the comment above an instruction", () => {
    const text = "FROM a\n# check=skip=MaintainerDeprecated because\nMAINTAINER b\nMAINTAINER c\n";
    expect(rules(text)).toEqual(["4 MaintainerDeprecated"]);
  });
});

describe("a Dockerfile with errors", () => {
  it.each([
    // BuildKit takes the lines apart first,
    ["FROM a\nMAINTAINER b\nENV c\n", []],
    ["FROM a\nMAINTAINER b\nRUN <<E\n", []],
    ["FROM a\nMAINTAINER b\nCMD [1]\n", []],
    // then looks at one instruction after the other,
    ["FROM a\nMAINTAINER b\nWRONG\nMAINTAINER c\n", ["2 MaintainerDeprecated"]],
    ["FROM a\nMAINTAINER b\nCOPY --x a b\nMAINTAINER c\n", ["2 MaintainerDeprecated"]],
    ["FROM a as X\nUSER\nMAINTAINER c\n", ["1 StageNameCasing", "1 FromAsCasing"]],
    // of which some are checked before they are found to be wrong,
    ["FROM a\nMAINTAINER\n", ["2 MaintainerDeprecated"]],
    ["FROM a as $X\n", ["1 StageNameCasing", "1 FromAsCasing"]],
    ["FROM a b c d\n", ["1 FromAsCasing"]],
    ["FROM a B\n", []],
    // and at all of them together only in the end.
    ["FROM a AS x\nFROM a AS x\nrun b\nWRONG\n", []],
  ])("is checked as far as BuildKit gets: %j", (text, expected) => {
    expect(rules(text)).toEqual(expected);
  });

  it("C1: any text is checked without an exception", () => {
    const word = fc.constantFrom(
      "FROM",
      "from",
      "As",
      "AS",
      "x",
      "\\\n",
      "\n",
      "\n\n",
      "# check=skip=all\n",
      " ",
      "<<E",
      "MAINTAINER",
      "ARG a=$b",
      "[1]",
    );
    fc.assert(
      fc.property(fc.array(word, { maxLength: 30 }), (words) => {
        findings(words.join(" "), "experimental=all");
      }),
    );
  });
});
