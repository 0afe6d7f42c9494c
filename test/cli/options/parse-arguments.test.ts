import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { emptyRequest } from "../../../src/cli/options/build-request.js";
import { ALL_OPTIONS, BUILD_OPTIONS, HONOURED_OPTIONS } from "../../../src/cli/options/catalogue.js";
import { parseArguments } from "../../../src/cli/options/parse-arguments.js";
import { REFUSED_OPTIONS } from "../../../src/cli/options/refused-options.js";
import { isOcibuildError, OcibuildError } from "../../../src/errors.js";

function failure(args: readonly string[]): OcibuildError {
  try {
    parseArguments(BUILD_OPTIONS, args);
  } catch (error) {
    if (isOcibuildError(error)) return error;
    throw error;
  }
  throw new Error(`${args.join(" ")} was accepted`);
}

/** The options of the design and, without the hidden ones that nobody uses, of `docker buildx build`. */
const KNOWN_ELSEWHERE = `
  file tag target build-arg build-context platform label annotation output push load iidfile metadata-file quiet progress
  no-cache no-cache-filter pull cache-from cache-to secret ssh network add-host shm-size ulimit allow check call sbom
  provenance executor explain require-cache context-modes reproducible compression compression-level registry-mirror insecure-registry
  root store-limit attest builder cgroup-parent debug policy resource memory memory-swap cpu-shares cpu-period cpu-quota cpuset-cpus
  cpuset-mems compress isolation security-opt squash rm force-rm print help version
`
  .trim()
  .split(/\s+/);

describe("the catalogue", () => {
  test("knows every option of the design and of docker, and no other", () => {
    expect(ALL_OPTIONS.map(({ name }) => name).sort()).toEqual([...KNOWN_ELSEWHERE].sort());
  });

  test("gives each name and each letter once", () => {
    const words = ALL_OPTIONS.flatMap(({ name, short }) => (short === undefined ? [name] : [name, short]));
    expect(new Set(words).size).toBe(words.length);
  });
});

describe("options that are honoured", () => {
  test.each(HONOURED_OPTIONS.map((option) => [option.name, option] as const))(
    "--%s changes the request",
    (name, option) => {
      const { request, operands } = parseArguments(
        BUILD_OPTIONS,
        option.kind === "value" ? [`--${name}`, "x", "."] : [`--${name}`, "."],
      );
      expect(operands).toEqual(["."]);
      expect(request).not.toEqual(emptyRequest());
      if (option.kind === "value") expect(parseArguments(BUILD_OPTIONS, [`--${name}=x`, "."]).request).toEqual(request);
      else expect(parseArguments(BUILD_OPTIONS, [`--${name}=false`, "."]).request).toEqual(emptyRequest());
      if (option.short !== undefined) {
        const short = option.kind === "value" ? [`-${option.short}`, "x", "."] : [`-${option.short}`, "."];
        expect(parseArguments(BUILD_OPTIONS, short).request).toEqual(request);
      }
    },
  );
});

describe("options that are refused", () => {
  test.each(REFUSED_OPTIONS.map((option) => [option.name, option] as const))(
    "--%s is refused by name, with a hint",
    (name, option) => {
      const error = failure(option.isSwitch ? [`--${name}=${name !== "rm"}`, "."] : [`--${name}`, "x", "."]);
      expect(error.code).toBe("OPTIONS_UNSUPPORTED");
      expect(error.message).toContain(`"--${name}`);
      expect(error.hint).toMatch(/\.$/);
      if (option.short !== undefined) {
        expect(failure(option.isSwitch ? [`-${option.short}`] : [`-${option.short}`, "x"]).message).toBe(error.message);
      }
    },
  );

  test.each([
    ["--provenance=false"],
    ["--provenance", "false"],
    ["--sbom=false"],
    ["--attest", "type=provenance,disabled=true"],
    ["--squash=false"],
    ["--check=false"],
    ["--rm"],
    ["--isolation", "default"],
  ])("%s %s asks for what happens anyway", (...args) => {
    expect(parseArguments(BUILD_OPTIONS, [...args, "."])).toEqual({ request: emptyRequest(), operands: ["."] });
  });

  test("do not hide the help", () => {
    expect(parseArguments(BUILD_OPTIONS, ["--squash", "--nonsense", "--help"]).request.help).toBe(true);
  });
});

describe("arguments are read as docker reads them", () => {
  test.each([
    [["-t", "a", "."], { tags: ["a"] }],
    [["-ta", "."], { tags: ["a"] }],
    [["-t=a", "."], { tags: ["a"] }],
    [["-qt", "a", "."], { quiet: true, tags: ["a"] }],
    [["-qt=a", "."], { quiet: true, tags: ["a"] }],
    [["-t", "a", "--tag=b", ".", "-tc"], { tags: ["a", "b", "c"] }],
    [["-f", "a", "-f", "b", "."], { file: "b" }],
    [["-f", "-", "."], { file: "-" }],
    [["--file", "=odd", "."], { file: "=odd" }],
    [["--build-arg", "--push=false", "."], { buildArgs: ["--push=false"] }],
    [["--build-arg", "--load", "."], { buildArgs: ["--load"] }],
    [["--label=a=b=c", "."], { labels: ["a=b=c"] }],
    [["--label=", "."], { labels: [""] }],
    [["--push", "--push=false", "."], { push: false }],
    [["--push=0", "--push=T", "."], { push: true }],
    [["--no-cache", "--no-cache-filter", "x", "."], { noCache: true, noCacheFilters: ["x"] }],
  ])("%j", (args, expected) => {
    expect(parseArguments(BUILD_OPTIONS, args)).toEqual({
      request: { ...emptyRequest(), ...expected },
      operands: ["."],
    });
  });

  test("words after -- and a lone - are no options", () => {
    expect(parseArguments(BUILD_OPTIONS, ["-q", "--", "--push"]).operands).toEqual(["--push"]);
    expect(parseArguments(BUILD_OPTIONS, ["-"]).operands).toEqual(["-"]);
  });

  test.each(["--tag", "-t", "-qt", "--cache-from"])("%s at the end wants a value", (word) => {
    expect(failure([".", word])).toMatchObject({
      code: "OPTIONS_INVALID",
      message: `option "${word}" expected a value but got none`,
    });
  });

  test("a switch takes true and false only", () => {
    expect(failure(["--push=maybe"])).toMatchObject({
      code: "OPTIONS_INVALID",
      message: 'option "--push" expected true or false but got "maybe"',
    });
    expect(failure(["-q=false"]).code).toBe("OPTIONS_INVALID");
  });
});

describe("an unknown option", () => {
  test.each([
    ["--taget", "--target"],
    ["--target-stage", undefined],
    ["--plat", "--platform"],
    ["-platform", "--platform"],
    ["--no-cahe", "--no-cache"],
    ["--cache-form=x", "--cache-from"],
    ["--zzz", undefined],
    ["-z", undefined],
    ["--constructor", undefined],
    ["--__proto__=x", undefined],
  ])("%s is told from %s", (word, nearest) => {
    const error = failure(["-q", word, "."]);
    expect(error.code).toBe("OPTIONS_UNKNOWN_KEY");
    expect(error.message).toBe(`option "${word.replace(/=.*/, "")}" is unknown`);
    expect(error.hint).toBe(nearest === undefined ? undefined : `Did you mean "${nearest}"?`);
  });
});

test("C14: any words are read or refused with an error of ours", () => {
  const word = fc.oneof(
    fc.constantFrom(...ALL_OPTIONS.map(({ name }) => `--${name}`), "-", "--", "-q", "-t", "=", "--=", "-="),
    fc.string(),
    fc.string().map((text) => `-${text}`),
    fc
      .tuple(fc.constantFrom(...ALL_OPTIONS.map(({ name }) => name)), fc.string())
      .map(([name, value]) => `--${name}=${value}`),
  );
  fc.assert(
    fc.property(fc.array(word, { maxLength: 6 }), (args) => {
      try {
        parseArguments(BUILD_OPTIONS, args);
      } catch (error) {
        expect(error).toBeInstanceOf(OcibuildError);
      }
    }),
  );
});
