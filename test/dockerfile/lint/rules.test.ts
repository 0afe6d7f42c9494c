import { describe, expect, it } from "vitest";
import { isRuleName, RULE_NAMES, ruleNamed } from "../../../src/dockerfile/lint/rules.js";

describe("the catalogue of rules", () => {
  it("has BuildKit's rules, sorted", () => {
    expect(RULE_NAMES.length).toBe(22);
    expect([...RULE_NAMES].sort()).toEqual(RULE_NAMES);
  });

  it.each([
    ["JSONArgsRecommended", "json-args-recommended"],
    ["UndefinedArgInFrom", "undefined-arg-in-from"],
    ["StageNameCasing", "stage-name-casing"],
  ] as const)("knows the page of %s here and at Docker's", (name, slug) => {
    expect(ruleNamed(name)).toMatchObject({
      slug,
      url: `https://docs.docker.com/go/dockerfile/rule/${slug}/`,
    });
  });

  it("knows what has no page at Docker's, and what is experimental", () => {
    expect(RULE_NAMES.filter((name) => ruleNamed(name).url === undefined)).toEqual(["InvalidBaseImagePlatform"]);
    expect(RULE_NAMES.filter((name) => ruleNamed(name).isExperimental)).toEqual([
      "CopyIgnoredFile",
      "InvalidDefinitionDescription",
    ]);
  });

  it("C4: takes no name of Object for a rule", () => {
    for (const name of ["__proto__", "constructor", "toString", "stagenamecasing", ""])
      expect(isRuleName(name)).toBe(false);
  });

  it("says what to do in a phrase that can follow a colon", () => {
    for (const name of RULE_NAMES) {
      const { hint, description } = ruleNamed(name);
      expect([name, hint]).toEqual([name, expect.stringMatching(/^[a-z].*[^.]$/)]);
      expect([name, description]).toEqual([name, expect.stringMatching(/^[A-Z].*[^.]$/)]);
    }
  });
});
