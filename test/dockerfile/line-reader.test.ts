import { describe, expect, it } from "vitest";
import { errorsOf, only, parse, sliceOf } from "../support/dockerfile.js";

describe("logical lines", () => {
  it.each([
    ["plain", "RUN a \\\n  b", "RUN a   b"],
    ["blanks behind the escape", "RUN a \\ \t\n  b", "RUN a   b"],
    ["CRLF", "RUN a \\\r\n  b\r", "RUN a   b"],
    ["comments between", "RUN a \\\n# x\n  # y\n  b", "RUN a   b"],
    ["a word cut in two", "RUN ab\\\ncd", "RUN abcd"],
    ["the keyword cut in two", "RU\\\nN a", "RUN a"],
    ["an escape alone on its line", "\\\nRUN a", "RUN a"],
    ["an escape at the end of the file", "RUN a \\", "RUN a"],
  ])("are joined: %s", (_, text, joined) => {
    expect(parse(`FROM a\n${text}`).stages[0]!.instructions.map((instruction) => instruction.text)).toEqual([joined]);
  });

  it("are not joined behind an escaped escape", () => {
    expect(errorsOf("FROM a\nRUN a \\\\\nb")).toEqual(["3: unknown instruction: b"]);
  });

  it("skip empty lines with a warning that names the first", () => {
    const { diagnostics, source, stages } = parse("FROM a\nRUN a \\\n\n \t\n  b\nUSER x\n");
    expect(stages[0]!.instructions.map(({ text }) => text)).toEqual(["RUN a   b", "USER x"]);
    expect(diagnostics).toEqual([
      {
        code: "NoEmptyContinuation",
        severity: "warning",
        message: "Empty continuation line",
        span: expect.anything(),
        hint: expect.stringContaining("remove line 3,"),
      },
    ]);
    expect(sliceOf(source, diagnostics[0]!.span)).toBe("  b");
  });

  it("keep a lone carriage return and Unicode line separators inside a line", () => {
    expect(only("RUN", "RUN a\rb\u2028c").text).toBe("RUN a\rb\u2028c");
  });

  it("span from the keyword to the last character", () => {
    const { source, stages } = parse("FROM a\n  RUN a \\\n # c\n b  \nUSER x");
    expect(stages[0]!.instructions.map(({ span }) => sliceOf(source, span))).toEqual(["RUN a \\\n # c\n b", "USER x"]);
  });
});

describe("comments", () => {
  it("are collected, also between the lines of an instruction", () => {
    const { comments, source } = parse("#a\n  #  b \nFROM a\\\n# c\n\n#\n");
    expect(comments.map(({ text }) => text)).toEqual(["a", "b", "c", ""]);
    expect(comments.map(({ span }) => sliceOf(source, span))).toEqual(["#a", "#  b ", "# c", "#"]);
  });

  it("document what follows; an empty comment separates, an empty line does not", () => {
    const [x, y] = parse("# lost\n#\n# X the first\n\n# of two\nARG X\nARG Y\nFROM a\n").globalArgs;
    expect(x!.docComment).toEqual(["X the first", "of two"]);
    expect(x!.args[0]!.docComment).toBe("the first");
    expect(y!.docComment).toEqual([]);
    expect(y!.args[0]!.docComment).toBeUndefined();
  });

  it("document stages by name", () => {
    const { stages } = parse("# build makes it\nFROM a AS Build\n# other\nFROM b AS c\n");
    expect(stages.map(({ docComment }) => docComment)).toEqual(["makes it", undefined]);
  });
});
