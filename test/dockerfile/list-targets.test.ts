import { describe, expect, it } from "vitest";
import { listTargets } from "../../src/dockerfile/list-targets.js";
import { isOcibuildError } from "../../src/errors.js";
import { parse } from "../support/dockerfile.js";

describe("the targets of a Dockerfile", () => {
  it("are its stages as written, the last one the default", () => {
    const text = "ARG B=a\n# x makes it\nFROM --platform=$BUILDPLATFORM $B AS X\nFROM \\\n  x\n";
    expect(listTargets(parse(text))).toEqual([
      {
        name: "x",
        isDefault: false,
        description: "makes it",
        base: "$B",
        platform: "$BUILDPLATFORM",
        lines: { first: 3, last: 3 },
      },
      {
        name: undefined,
        isDefault: true,
        description: undefined,
        base: "x",
        platform: undefined,
        lines: { first: 4, last: 5 },
      },
    ]);
  });

  it("cannot be told of a Dockerfile with errors", () => {
    let error: unknown;
    try {
      listTargets(parse("FROM a\nWRONG\n"));
    } catch (thrown) {
      error = thrown;
    }
    expect(isOcibuildError(error, "DOCKERFILE_INVALID")).toBe(true);
  });
});
