import { describe, expect, it } from "vitest";
import { errorsOf, parse, sliceOf } from "../support/dockerfile.js";

describe("directives", () => {
  it("are read from the top with their names lower-cased and values trimmed", () => {
    const { directives, source } = parse("#Syntax = a/b:1  \n# escape=`\n#check=skip=all;error=true\nFROM a\n");
    expect(directives.map(({ name, value }) => [name, value])).toEqual([
      ["syntax", "a/b:1"],
      ["escape", "`"],
      ["check", "skip=all;error=true"],
    ]);
    expect(directives.map(({ span }) => sliceOf(source, span))).toEqual([
      "#Syntax = a/b:1  ",
      "# escape=`",
      "#check=skip=all;error=true",
    ]);
  });

  it.each([
    ["a comment", "# hello\n# escape=`\nFROM a\n"],
    ["an unknown directive", "# other=1\n# escape=`\nFROM a\n"],
    ["an empty line", "\n# escape=`\nFROM a\n"],
    ["an instruction", "FROM a\n# escape=`\n"],
    ["a #! line", "#!/usr/bin/env x\n# escape=`\nFROM a\n"],
  ])("end at %s", (_, text) => {
    expect(parse(text).escape).toBe("\\");
  });

  it("work below a byte order mark, behind blanks and with CRLF", () => {
    expect(parse("\ufeff# escape=`\r\nFROM a\r\n").escape).toBe("`");
    expect(parse("  # escape=`\nFROM a\n").escape).toBe("`");
  });

  it("syntax and check count after a #! line", () => {
    const { directives } = parse("#!/usr/bin/env x\n# check=skip=all\nFROM a\n");
    expect(directives.map(({ name }) => name)).toEqual(["check"]);
  });

  it("the backtick joins lines and leaves the backslash alone", () => {
    const { stages } = parse("# escape=`\nFROM a\nCOPY C:\\x `\n  D:\\\nUSER b\n");
    expect(stages[0]!.instructions.map(({ text }) => text)).toEqual(["COPY C:\\x   D:\\", "USER b"]);
  });

  it("may not be repeated", () => {
    expect(errorsOf("# escape=`\n# escape=`\nFROM a\n")).toEqual(["2: only one escape parser directive can be used"]);
    expect(errorsOf("# check=a\n# CHECK=b\nFROM a\n")).toEqual(["2: only one check parser directive can be used"]);
  });

  it.each(["x", "\\\\", "``"])("escape takes no %s", (value) => {
    expect(errorsOf(`# escape=${value}\nFROM a\n`)).toEqual([
      `1: invalid escape token '${value}' does not match \` or \\`,
    ]);
  });

  it("are no comments, and document nothing", () => {
    const { comments, stages } = parse("# syntax=a\n# b does it\nFROM a AS b\n");
    expect(comments.map(({ text }) => text)).toEqual(["b does it"]);
    expect(stages[0]!.from.docComment).toEqual(["b does it"]);
  });
});
