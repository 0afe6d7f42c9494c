import { describe, expect, it } from "vitest";
import { isOcibuildError } from "../../src/errors.js";
import { type Outline, outlineDockerfile } from "../../src/plan/outline-dockerfile.js";
import { type LintOptions, targetInput } from "../support/lint.js";

const outline = (text: string, options: LintOptions = {}): Promise<Outline> =>
  outlineDockerfile(targetInput(text, options));

/** `NAME=value@line description` of each build argument. */
async function args(text: string, options: LintOptions = {}): Promise<string[]> {
  const { args: found } = await outline(text, options);
  return found.map(
    ({ name, value, description, lines }) =>
      `${name}=${value}@${lines.first}${description === undefined ? "" : ` ${description}`}`,
  );
}

describe("the build arguments of an outline", () => {
  it("are those of the target, with their values and descriptions", async () => {
    const text = "FROM busybox\n# A the first\nARG A=1\nARG B\n\n# C the third\nARG C=$A$B D\n";
    expect(await args(text)).toEqual(["A=1@3 the first", "B=@4", "C=1@7 the third", "D=@7"]);
    expect(await args(text, { buildArgs: { A: "x", D: "y", E: "z" } })).toEqual([
      "A=x@3 the first",
      "B=@4",
      "C=x@7 the third",
      "D=y@7",
    ]);
  });

  it("are those above the first FROM that are used, directly or by others", async () => {
    const text = "ARG A=box\nARG B=busy$A\nARG C=1\nFROM $B\nARG D\n";
    expect(await args(text)).toEqual(["A=box@1", "B=busybox@2", "D=@5"]);
  });

  it("are told where they are declared, for those that the stage takes over", async () => {
    expect(await args("# A from above\nARG A=1\nARG B=$A\nFROM busybox\nARG B\n")).toEqual([
      "A=1@2 from above",
      "B=1@3",
    ]);
    expect(await args("ARG A=1\nFROM busybox\nARG A=2\n")).toEqual(["A=2@3"]);
  });

  it("are not those that the builder gives", async () => {
    expect(await args("FROM --platform=$BUILDPLATFORM busybox\nARG TARGETARCH\n")).toEqual([]);
  });

  it("are those of all stages that the target needs, the nearest first of equal ones", async () => {
    const text = [
      "FROM busybox AS unused",
      "ARG NO=1",
      "FROM busybox AS files",
      "ARG A=files",
      "ARG B=files",
      "FROM busybox AS base",
      "ARG A=base",
      "FROM base",
      "ARG C=1",
      "COPY --from=files / /",
      "",
    ].join("\n");
    expect(await args(text)).toEqual(["B=files@5", "A=base@7", "C=1@9"]);
    expect(await args(text, { target: "files" })).toEqual(["A=files@4", "B=files@5"]);
  });

  it("that refer to themselves keep what they used before", async () => {
    expect(await args("ARG A=busy\nARG B=$A\nARG B=${B}box\nFROM $B\n")).toEqual(["A=busy@1", "B=busybox@3"]);
  });
});

describe("secrets and SSH agents of an outline", () => {
  it("are those of all RUNs, the first mention of each", async () => {
    const text = [
      "FROM busybox AS a",
      "RUN --mount=type=secret,id=one x",
      "FROM a",
      "RUN --mount=type=secret,id=two,required --mount=type=secret,target=/etc/three --mount=type=ssh y",
      "RUN --mount=type=secret,id=two --mount=type=ssh,id=work,required z",
      "",
    ].join("\n");
    const { secrets, ssh } = await outline(text);
    const at = (line: number): object => ({ first: line, last: line });
    expect(secrets).toEqual([
      { name: "one", required: false, lines: at(2) },
      { name: "two", required: true, lines: at(4) },
      { name: "three", required: false, lines: at(4) },
    ]);
    expect(ssh).toEqual([
      { name: "default", required: false, lines: at(4) },
      { name: "work", required: true, lines: at(5) },
    ]);
  });
});

describe("the target of an outline", () => {
  it("has the name and the description of its stage", async () => {
    const text = "FROM busybox AS a\n# B makes it\nFROM busybox AS B\n# b makes it all\nFROM busybox AS b\n";
    expect(await outline(text)).toMatchObject({ name: "b", description: "makes it all" });
    expect(await outline(text, { target: "a" })).toMatchObject({ name: "a", description: undefined });
    expect(await outline("FROM busybox\n")).toMatchObject({ name: undefined, description: undefined });
  });

  it("is planned, so that mistakes are told", async () => {
    for (const [text, code] of [
      ["FROM busybox\nWRONG\n", "DOCKERFILE_INVALID"],
      ["FROM busybox\nUSER ${A:?b}\n", "PLAN_INVALID"],
      ["# check=error=true\nFROM busybox\nCMD a\n", "DOCKERFILE_CHECKS"],
    ] as const) {
      const error = await outline(text).catch((thrown: unknown) => thrown);
      expect([text, isOcibuildError(error, code)]).toEqual([text, true]);
    }
  });
});
