import { describe, expect, it } from "vitest";
import { messagesOf, rulesIn } from "../../support/lint.js";
import { baseImage } from "../../support/plan.js";

describe("build arguments of FROM", () => {
  it.each([
    ["FROM busybox${A}\n", ["FROM argument 'A' is not declared"]],
    ["ARG TAG\nFROM busybox${TAGG}\n", ["FROM argument 'TAGG' is not declared (did you mean TAG?)"]],
    ["FROM busybox${TARGETARHC#x}\n", ["FROM argument 'TARGETARHC' is not declared (did you mean TARGETARCH?)"]],
    // Declared is enough.
    ["ARG A\nFROM busybox${A}\n", []],
    // Those of a stage are not seen.
    ["FROM busybox AS a\nARG B=1\nFROM busybox${B}\n", ["FROM argument 'B' is not declared"]],
    ["FROM --platform=${P:-linux/amd64} busybox\n", ["FROM argument 'P' is not declared"]],
  ])("are declared above: %j", async (text, messages) => {
    expect(await messagesOf(text)).toEqual(messages);
  });

  it("are reported before the error that they lead to", async () => {
    expect(await rulesIn("FROM $A\n")).toEqual([
      "1 InvalidDefaultArgInFrom",
      "1 UndefinedArgInFrom",
      "error: base name ($A) should not be blank",
    ]);
    expect(await rulesIn("FROM busybox${A:?x}\n")).toEqual([
      "1 UndefinedArgInFrom",
      expect.stringMatching(/^error: failed to process/),
    ]);
  });
});

describe("defaults", () => {
  it.each([
    ["ARG A\nFROM busybox:$A\n", { A: "1" }],
    ["ARG A=b!x\nFROM $A\n", { A: "busybox" }],
    ["FROM busybox AS x\nFROM X\n", {}],
  ])("make valid names, whatever this build is given: %j", async (text, buildArgs) => {
    expect((await rulesIn(text, { buildArgs }))[0]).toMatch(/^\d InvalidDefaultArgInFrom$/);
  });

  it.each([["ARG A=box\nFROM busy$A\n"], ["ARG A\nFROM busybox$A\n"], ["FROM scratch\n"]])(
    "are not complained about: %j",
    async (text) => {
      expect(await rulesIn(text)).toEqual([]);
    },
  );

  it("that cannot be expanded are no concern of a build that is given others", async () => {
    expect(await rulesIn("ARG A=${B:?x}\nFROM $A\n", { buildArgs: { A: "busybox" } })).toEqual([]);
  });
});

describe("platforms of FROM", () => {
  it.each([
    ["FROM --platform=linux/amd64 busybox AS x\n", ["1 FromPlatformFlagConstDisallowed"]],
    ["FROM --platform=amd64 busybox\n", ["1 FromPlatformFlagConstDisallowed"]],
    ["FROM --platform=linux/amd64 busybox AS for-amd64\n", []],
    ["FROM --platform=linux/amd64 busybox AS linux\n", []],
    ["ARG P=linux/amd64\nFROM --platform=$P busybox\n", []],
    ["FROM --platform=$BUILDPLATFORM busybox\n", []],
    ["FROM --platform=$TARGETPLATFORM busybox\n", ["1 RedundantTargetPlatform"]],
    ["FROM --platform=${TARGETPLATFORM} busybox\n", ["1 RedundantTargetPlatform"]],
    ["FROM --platform=$TARGETOS/$TARGETARCH busybox\n", []],
    ["FROM --platform=${TARGETPLATFORM%amd64}amd64 busybox\n", ["1 RedundantTargetPlatform"]],
    ["FROM --platform=${TARGETPLATFORM}$NONE busybox\n", ["1 UndefinedArgInFrom"]],
    ["FROM --platform=!! busybox\n", [expect.stringMatching(/^error: failed to parse platform !!/)]],
  ])("%j", async (text, rules) => {
    expect(await rulesIn(text)).toEqual(rules);
  });
});

describe("the platform of an image", () => {
  const arm = baseImage({}, { architecture: "arm64", variant: "v8" });

  it.each([
    ["FROM --platform=linux/arm64 busybox AS arm64\n", ["1 InvalidBaseImagePlatform"]],
    ["FROM arm\n", ["1 InvalidBaseImagePlatform"]],
    ["FROM --platform=linux/arm64 arm AS arm64\n", []],
    ["FROM busybox\nCOPY --from=arm /a /b\n", ["2 InvalidBaseImagePlatform"]],
    ["FROM busybox\nRUN --mount=from=arm,target=/x y\n", ["2 InvalidBaseImagePlatform"]],
  ])("is the one that was asked for: %j", async (text, rules) => {
    expect(await rulesIn(text, { images: { arm } })).toEqual(rules);
  });

  it("is told with both platforms", async () => {
    expect(await messagesOf("FROM --platform=linux/arm/v6 busybox AS arm\n")).toEqual([
      'Base image busybox was pulled with platform "linux/amd64", expected "linux/arm/v6" for current build',
    ]);
  });

  it("does not matter for an image without layers, and not for a named context", async () => {
    const empty = baseImage({}, { architecture: "arm64", rootfs: { type: "layers", diff_ids: [] } });
    expect(await rulesIn("FROM empty\n", { images: { empty } })).toEqual([]);
    const contexts = { arm: { kind: "image", reference: "real" } } as const;
    expect(await rulesIn("FROM arm\n", { images: { real: arm }, contexts })).toEqual([]);
  });

  it("is told in the order of the Dockerfile, for all images", async () => {
    const text = "FROM arm AS a\nFROM arm2 AS b\nFROM scratch\nCOPY --from=a / /\n";
    const expected = ["1 InvalidBaseImagePlatform", "2 InvalidBaseImagePlatform"];
    expect(await rulesIn(text, { images: { arm, arm2: arm } })).toEqual(expected);
  });
});
