import { describe, expect, it } from "vitest";
import { assertValid } from "../../src/dockerfile/assert-valid.js";
import { isOcibuildError } from "../../src/errors.js";
import { parse } from "../support/dockerfile.js";

function thrownBy(text: string): unknown {
  try {
    assertValid(parse(text));
  } catch (error) {
    return error;
  }
  return undefined;
}

describe("assertValid", () => {
  it("lets warnings pass", () => {
    expect(thrownBy("FROM a\nRUN b \\\n\n c\n")).toBeUndefined();
  });

  it("throws the first error with its line, place and hint, and counts the others", () => {
    const error = thrownBy("FROM a\n\nCOPY --form=b c d\nWRONG\n");
    if (!isOcibuildError(error, "DOCKERFILE_INVALID")) throw new Error("expected DOCKERFILE_INVALID");
    expect(error.message).toBe(
      "dockerfile parse error on line 3: unknown flag: --form (did you mean from?) (and 1 more)",
    );
    expect(error.location).toMatchObject({ file: "Dockerfile", line: 3, column: 6 });
    expect(error.location!.excerpt).toContain("^^^^^^^^");
    expect(error.hint).toContain("write --from");
    expect(error.details.diagnostics).toHaveLength(2);
  });
});
