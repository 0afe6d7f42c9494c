import { describe, expect, it } from "vitest";
import { isOcibuildError } from "../../src/errors.js";
import { lintDockerfile } from "../../src/plan/lint-dockerfile.js";
import { planBuild } from "../../src/plan/plan-build.js";
import { type LintOptions, rulesIn, targetInput } from "../support/lint.js";
import { baseImage } from "../support/plan.js";

/** What a build warns of, and the error it ends with. */
async function warningsOf(
  text: string,
  options: LintOptions & { platforms?: readonly string[] } = {},
): Promise<string[]> {
  const warnings: string[] = [];
  const platforms = (options.platforms ?? []).map((architecture) => ({ os: "linux", architecture }));
  const input = {
    ...targetInput(text, options),
    platforms,
    labels: new Map(),
    onWarning: ({ code }: { code: string }) => void warnings.push(code),
  };
  try {
    const plan = await planBuild(input);
    expect(plan.warnings.map(({ code }) => code)).toEqual(warnings);
  } catch (error) {
    if (!isOcibuildError(error)) throw error;
    warnings.push(`error: ${error.message}`);
  }
  return warnings;
}

const TWO = "FROM busybox AS one\nCMD a\nFROM busybox\nENTRYPOINT b\n";

describe("which stages are looked at", () => {
  it("all of them, by a check", async () => {
    expect(await rulesIn(TWO)).toEqual(["2 JSONArgsRecommended", "4 JSONArgsRecommended"]);
  });

  it("those that the target needs, by a check of a target", async () => {
    expect(await rulesIn(`${TWO}FROM one\nENV A b\n`, { target: "one" })).toEqual(["2 JSONArgsRecommended"]);
  });

  it("those that are needed, by a build", async () => {
    expect(await warningsOf(TWO)).toEqual(["JSONArgsRecommended"]);
    expect(await warningsOf(`${TWO}COPY --from=one / /\n`)).toEqual(["JSONArgsRecommended", "JSONArgsRecommended"]);
  });

  it("with their images, by a check", async () => {
    const text = "FROM missing AS one\nFROM busybox\n";
    expect(await rulesIn(text)).toEqual(['error: image "missing" was not found']);
    expect(await rulesIn(text, { target: "stage-1" })).toEqual([expect.stringContaining("could not be found")]);
    expect(await warningsOf(text)).toEqual([]);
  });

  it("also those that a named context replaces, by a check", async () => {
    const text = "FROM missing AS one\nCMD a\nFROM one\n";
    const contexts = { one: { kind: "files" } } as const;
    expect(await rulesIn(text, { contexts })).toEqual(["2 JSONArgsRecommended"]);
    expect(await warningsOf(text, { contexts })).toEqual([]);
  });

  it("with the triggers of the base where the target is, at its FROM", async () => {
    const base = baseImage({ OnBuild: ["CMD $X", "LABEL a=$X", "WORKDIR x"] });
    expect(await rulesIn("FROM busybox\nFROM base\n", { images: { base } })).toEqual([
      "2 JSONArgsRecommended",
      "2 UndefinedVar",
      "2 WorkdirRelativePath",
    ]);
    expect(await rulesIn("FROM base\nFROM busybox\n", { images: { base } })).toEqual([]);
  });

  it("once, however many platforms there are", async () => {
    expect(await warningsOf("FROM scratch\nCMD a\n", { platforms: ["amd64", "arm64"] })).toEqual([
      "JSONArgsRecommended",
    ]);
  });
});

describe("findings as errors", () => {
  const strict = `# check=error=true\n${TWO}`;

  it("end a build after the warnings", async () => {
    expect(await warningsOf(strict)).toEqual([
      "JSONArgsRecommended",
      "error: lint violation found for rules: JSONArgsRecommended",
    ]);
  });

  it("are those of the stages that the build needs", async () => {
    expect(await warningsOf("# check=error=true\nFROM busybox AS one\nCMD a\nFROM busybox\n")).toEqual([]);
  });

  it("are told of by a check as well", async () => {
    const { findings, error } = await lintDockerfile(targetInput(strict));
    expect(findings.length).toBe(2);
    expect(isOcibuildError(error, "DOCKERFILE_CHECKS")).toBe(true);
  });
});

describe("a check", () => {
  it("says of options that it cannot read, and nothing else", async () => {
    expect(await rulesIn("# check=x\nFROM busybox\nMAINTAINER y\nWRONG\n")).toEqual([
      'error: failed to parse check options: invalid check option "x"',
    ]);
  });

  it("says what it found before an error", async () => {
    expect(await rulesIn("FROM busybox AS X\nWRONG\n")).toEqual([
      "1 StageNameCasing",
      "error: dockerfile parse error on line 2: unknown instruction: WRONG",
    ]);
    expect(await rulesIn("FROM busybox\nCMD a\nCOPY --from=later / /\nCMD b\nFROM busybox AS later\n")).toEqual([
      "2 JSONArgsRecommended",
      expect.stringContaining("error: cannot copy from stage"),
    ]);
  });

  it("can be aborted", async () => {
    const controller = new AbortController();
    const reason = new Error("enough");
    const input = targetInput("FROM busybox\n");
    const resolver = {
      resolve: async (): Promise<never> => {
        controller.abort(reason);
        throw new Error("aborted");
      },
    };
    await expect(lintDockerfile({ ...input, resolver, signal: controller.signal })).rejects.toBe(reason);
  });

  it("passes on errors that are no answer", async () => {
    const resolver = { resolve: () => Promise.reject(new TypeError("a mistake")) };
    await expect(lintDockerfile({ ...targetInput("FROM busybox\n"), resolver })).rejects.toThrow(TypeError);
  });
});

describe("a build", () => {
  it("warns of forms that look like JSON beside the checks, whatever is skipped", async () => {
    expect(await warningsOf("# check=skip=all\nFROM busybox\nCMD ['a']\n")).toEqual(["json-form-malformed"]);
  });

  it("tells its warnings also when it ends in an error", async () => {
    expect(await warningsOf("FROM busybox\nMAINTAINER a\nCOPY --chmod=x a b\n")).toEqual([
      "MaintainerDeprecated",
      expect.stringMatching(/^error: /),
    ]);
  });
});
