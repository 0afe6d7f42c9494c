import { describe, expect, test } from "vitest";
import { parseCall } from "../../../src/cli/call/parse-call.js";
import { isOcibuildError } from "../../../src/errors.js";

describe("--call", () => {
  test.each([undefined, "", "build", "build,format=json"])("%j asks for a build", (text) => {
    expect(parseCall(text)).toBeUndefined();
  });

  test.each([
    ["check", { method: "check", format: "text", ignoreStatus: false }],
    ["lint", { method: "check", format: "text", ignoreStatus: false }],
    ["outline,format=json", { method: "outline", format: "json", ignoreStatus: false }],
    ["format=json,targets", { method: "targets", format: "json", ignoreStatus: false }],
    ["check,ignorestatus=true", { method: "check", format: "text", ignoreStatus: true }],
    ['"check","format=text","ignorestatus=0"', { method: "check", format: "text", ignoreStatus: false }],
  ])("%s names a method, a format and what counts", (text, call) => {
    expect(parseCall(text)).toEqual(call);
  });

  test.each([
    ["nonsense", "expected one of check, outline, targets and build"],
    ["format=json", "expected one of check"],
    ["check,outline", "expected one method"],
    ["check,format=yaml", "expected the format json or text"],
    ["check,ignorestatus=maybe", "expected ignorestatus=true or ignorestatus=false"],
    ["check,colour=red", 'does not know "colour=red"'],
    ['check"', "cannot be read"],
  ])("%s is refused", (text, message) => {
    let error: unknown;
    try {
      parseCall(text);
    } catch (thrown) {
      error = thrown;
    }
    expect(isOcibuildError(error, "OPTIONS_INVALID")).toBe(true);
    expect((error as Error).message).toContain(`"--call ${text}" `);
    expect((error as Error).message).toContain(message);
  });
});
