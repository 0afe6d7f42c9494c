import { describe, expect, test } from "vitest";
import { errorRecord, errorStyle, formatError } from "../../src/cli/print-error.js";
import { assertValid } from "../../src/dockerfile/assert-valid.js";
import { parseDockerfile } from "../../src/dockerfile/parse.js";
import { OcibuildError } from "../../src/errors.js";

const PLAIN = { debug: false, color: false };

function dockerfileError(text: string): unknown {
  try {
    assertValid(parseDockerfile({ name: "Dockerfile", text }));
  } catch (error) {
    return error;
  }
  throw new Error("the Dockerfile is valid");
}

test("an error says what, where, why and what to do", () => {
  const error = new OcibuildError("LAYER_COPY", 'COPY source "dist/" matches no file in the build context', {
    details: { path: "dist/" },
    location: {
      file: "Dockerfile",
      line: 4,
      column: 6,
      excerpt: "  3 | FROM x\n> 4 | COPY dist/ /app\n    |      ^^^^^",
    },
    cause: new Error("ENOENT: no such file or directory"),
    hint: '"dist/" is excluded by .dockerignore line 4 ("dist")',
  });
  expect(formatError(error, PLAIN)).toBe(`ERROR: COPY source "dist/" matches no file in the build context
Dockerfile:4:6
  3 | FROM x
> 4 | COPY dist/ /app
    |      ^^^^^
cause: ENOENT: no such file or directory
hint: "dist/" is excluded by .dockerignore line 4 ("dist")
`);
});

describe("a Dockerfile with mistakes", () => {
  test("shows the only one with its place", () => {
    const text = formatError(dockerfileError("FROM scratch\nCOPPY a b\n"), PLAIN);
    expect(text).toContain("Dockerfile:2:1\n");
    expect(text.match(/> 2 \| COPPY a b/g)).toHaveLength(1);
    expect(text).toContain("hint: ");
  });

  test("shows each of several with its excerpt", () => {
    const text = formatError(dockerfileError("FROM scratch\nCOPPY a b\nWORKDIR\nUSSER x\n"), PLAIN);
    expect(text.match(/^Dockerfile:\d:\d .+$/gm)).toHaveLength(3);
    for (const line of ["> 2 | COPPY a b", "> 3 | WORKDIR", "> 4 | USSER x"]) expect(text).toContain(line);
  });

  test("shows twenty of very many, and how many there are", () => {
    const text = formatError(dockerfileError(`FROM scratch\n${"WORKDIR\n".repeat(50)}`), PLAIN);
    expect(text.match(/^Dockerfile:/gm)).toHaveLength(20);
    expect(text).toContain("… and 30 more");
  });
});

describe("causes", () => {
  const withCause = (cause: unknown): string =>
    formatError(
      new OcibuildError("OUTPUT_FAILED", "output failed: disk full", { details: { output: "x" }, cause }),
      PLAIN,
    );

  test("that only repeat what was said are left out", () => {
    expect(withCause(new Error("disk full"))).toBe("ERROR: output failed: disk full\n");
  });

  test("come down the chain, with the members of an aggregate", () => {
    const deep = new AggregateError([new Error("first"), new Error("second")], "all failed", {
      cause: new TypeError("root"),
    });
    expect(withCause(deep)).toBe(
      "ERROR: output failed: disk full\ncause: AggregateError: all failed\ncause: TypeError: root\ncause: first\ncause: second\n",
    );
  });

  test("that go round in a circle or never end are cut off", () => {
    const circle = new Error("circle");
    circle.cause = circle;
    expect(withCause(circle).split("\n")).toHaveLength(3);
    let chain = new Error("0");
    for (let at = 1; at < 100; at++) chain = new Error(`number ${at}`, { cause: chain });
    expect(withCause(chain).split("\n")).toHaveLength(7);
  });

  test.each([
    ["text", "cause: text"],
    [null, "cause: a value of type object was thrown"],
    [7, "cause: a value of type number was thrown"],
  ])("may be anything: %j", (cause, line) => {
    expect(withCause(cause)).toContain(line);
  });
});

describe("an error that nobody foresaw", () => {
  test("is called one, and asks to be reported", () => {
    const text = formatError(new TypeError("x is not a function"), PLAIN);
    expect(text).toMatch(
      /^ERROR: internal error: TypeError: x is not a function\nhint: .*report.*OCIBUILD_DEBUG=1.*\n$/,
    );
  });

  test("shows its stack only when asked", () => {
    expect(formatError(new TypeError("x"), { debug: true, color: false })).toContain("print-error.test.ts");
    expect(formatError(new TypeError("x"), PLAIN)).not.toContain("print-error.test.ts");
  });
});

test("L6: nothing of an error reaches the terminal as a control or a line of ours", () => {
  const evil = "x\x1b]0;t\x07\x9b2J\r\n::set-env name=a::b\nERROR: forged\nhint: forged";
  const error = new OcibuildError("LAYER_COPY", evil, {
    details: { path: evil },
    location: { file: evil, line: 1, column: 1, excerpt: `> 1 | ${evil}` },
    cause: new Error(`other ${evil}`),
    hint: `more ${evil}`,
  });
  const text = formatError(error, PLAIN);
  expect(text).not.toMatch(/[\x00-\x09\x0b-\x1f\x7f-\x9f]|^\s*::/m);
  // The excerpt is made of the Dockerfile's lines, each behind its number, and these never hold a newline.
  expect(text.replace(/^> 1 \|[\s\S]*?hint: forged\n/m, "").match(/^(?:ERROR|hint):/gm)).toEqual(["ERROR:", "hint:"]);
});

test("colour is for terminals that want it", () => {
  const style = (isTTY: boolean, env: Record<string, string> = {}): boolean =>
    errorStyle({ env, stderr: { isTTY, columns: 80, rows: 24, write: () => {}, drained: () => undefined } }).color;
  expect([
    style(true),
    style(false),
    style(true, { NO_COLOR: "1" }),
    style(true, { TERM: "dumb" }),
    style(true, { NO_COLOR: "" }),
  ]).toEqual([true, false, false, false, true]);
  expect(formatError(new Error("x"), { debug: false, color: true })).toMatch(/^\x1b\[31mERROR\x1b\[0m: /);
});

test("the record for programs has the code and what belongs to it", () => {
  const error = new OcibuildError("IMAGE_NOT_FOUND", "no such image", { details: { reference: "x" }, hint: "pull it" });
  expect(JSON.parse(JSON.stringify(errorRecord(error)))).toEqual({
    type: "error",
    code: "IMAGE_NOT_FOUND",
    message: "no such image",
    hint: "pull it",
    details: { reference: "x" },
  });
  expect(errorRecord(new TypeError("x"))).toEqual({ type: "error", message: "TypeError: x" });
});
