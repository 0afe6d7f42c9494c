import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { expandWords } from "../../src/dockerfile/expand.js";
import { splitShellWords } from "../../src/dockerfile/heredoc-words.js";
import { parseHeredocWord, stripTabs } from "../../src/dockerfile/heredocs.js";
import { isOcibuildError } from "../../src/errors.js";
import { errorsOf, only, parse, problemOf, sliceOf } from "../support/dockerfile.js";

describe("heredoc words", () => {
  it.each([
    ["<<EOF", { name: "EOF", expand: true, chomp: false, fileDescriptor: 0 }],
    ["3<<-EOF", { name: "EOF", expand: true, chomp: true, fileDescriptor: 3 }],
    ["<<'EOF'", { name: "EOF", expand: false, chomp: false, fileDescriptor: 0 }],
    ['<<E"O"F', { name: "EOF", expand: false, chomp: false, fileDescriptor: 0 }],
    ["<<\\EOF", { name: "EOF", expand: true, chomp: false, fileDescriptor: 0 }],
    ["<<'E O F'", { name: "E O F", expand: false, chomp: false, fileDescriptor: 0 }],
    ["<<${X}", { name: "${X}", expand: true, chomp: false, fileDescriptor: 0 }],
    ["<<\t/f", { name: "/f", expand: true, chomp: false, fileDescriptor: 0 }],
  ])("%s opens one", (word, expected) => {
    expect(parseHeredocWord(word)).toEqual(expected);
  });

  it.each(["<<", "<<-", "<<''", "<<<EOF", "a<<EOF", "<<A<<B", "'<<EOF'", "<<'EOF", "<<a b", "<EOF"])(
    "%s opens none",
    (word) => {
      expect(parseHeredocWord(word)).toBeUndefined();
    },
  );

  it("split like variable expansion splits when no variable is set", () => {
    const part = fc.constantFrom(
      ..."a x0<'\"$\\}/#%:?+-{@".split(""),
      ..." \t".split(""),
      ...["<<", "${", "${x", "${x:-", "${x/", "EOF", "é"],
    );
    const text = fc.array(part, { maxLength: 14 }).map((parts) => parts.join(""));
    fc.assert(
      fc.property(text, fc.boolean(), fc.boolean(), (line, quotes, escapes) => {
        expect(splitShellWords(line, { quotes, escapes })?.map((word) => word.text)).toEqual(
          wordsByExpansion(line, quotes, escapes),
        );
      }),
      { numRuns: 2000 },
    );
  });
});

function wordsByExpansion(line: string, keepQuotes: boolean, keepEscapes: boolean): readonly string[] | undefined {
  try {
    return expandWords(line, new Map(), { keepQuotes, keepEscapes, keepUnset: true });
  } catch (error) {
    if (isOcibuildError(error, "DOCKERFILE_EXPANSION")) return undefined;
    throw error;
  }
}

describe("heredocs", () => {
  it("bring their lines as they stand, and spans of word and body", () => {
    const text = "FROM a\r\nCOPY <<-A 3<<'B' /d/\r\n\tx\r\n\tA\r\n$y\nB\nUSER u\n";
    const { source, stages } = parse(text);
    const [copy, user] = stages[0]!.instructions;
    expect(copy!.heredocs.map(({ name, content }) => [name, content])).toEqual([
      ["A", "\tx\r\n"],
      ["B", "$y\n"],
    ]);
    expect(copy!.heredocs.map(({ wordSpan }) => sliceOf(source, wordSpan))).toEqual(["<<-A", "3<<'B'"]);
    expect(copy!.heredocs.map(({ bodySpan }) => sliceOf(source, bodySpan))).toEqual(["\tx\r\n\tA", "$y\nB"]);
    expect(sliceOf(source, copy!.span)).toBe(text.slice(8, text.indexOf("\nUSER")));
    expect(user!.kind).toBe("USER");
  });

  it("become contents of COPY and ADD, with tabs stripped for <<-", () => {
    const add = only("ADD", "ADD a <<-X <<'Y' /d/\n\t\tx\n\ty\tz\nX\n\tq\nY");
    expect(add.sources.map(({ value }) => value)).toEqual(["a"]);
    expect(add.contents.map(({ name, content, expand }) => [name, content, expand])).toEqual([
      ["X", "x\ny\tz\n", true],
      ["Y", "\tq\n", false],
    ]);
  });

  it("of the same name share the last body", () => {
    const copy = only("COPY", "COPY <<A <<A /d/\none\nA\ntwo\nA");
    expect(copy.contents.map(({ content }) => content)).toEqual(["two\n", "two\n"]);
  });

  it("are the script of a RUN that is nothing else", () => {
    expect(only("RUN", "RUN <<-EOF\n\techo\nEOF").script).toEqual({ name: "EOF", content: "echo\n" });
    const cat = only("RUN", "RUN cat <<-EOF\n\techo\nEOF");
    expect(cat.script).toBeUndefined();
    expect(cat.command).toMatchObject({ form: "shell", line: "cat <<-EOF" });
    expect(cat.heredocs[0]!.content).toBe("\techo\n");
  });

  it.each([
    ["JSON form", 'RUN ["cat", "<<EOF"]'],
    ["an unbalanced quote anywhere", 'RUN echo " <<EOF'],
    ["a bad substitution anywhere", "RUN echo ${} <<EOF"],
    ["other instructions", "CMD cat <<EOF"],
  ])("are not looked for in %s", (_, text) => {
    expect(parse(`FROM a\n${text}\n`).stages[0]!.instructions[0]!.heredocs).toEqual([]);
  });

  it("stay in the trigger of ONBUILD", () => {
    expect(only("ONBUILD", "ONBUILD COPY <<-'E' /f\n\tx\n\tE").trigger).toBe("COPY <<-'E' /f\n\tx\nE");
  });

  it("must end", () => {
    expect(errorsOf("FROM a\nRUN <<A <<B\nA\nUSER x\n")).toEqual(["2: unterminated heredoc"]);
    expect(problemOf("RUN <<A\n\tA").hint).toContain("write <<-A");
    expect(problemOf("RUN <<A\nA \n").hint).toContain("blanks beside A");
    expect(problemOf("RUN <<A\nx\n").hint).toContain('holds "A" and nothing else');
  });

  it("are no destination", () => {
    expect(problemOf("COPY a <<EOF\nEOF").message).toBe("COPY cannot accept a heredoc as a destination");
  });

  it("of a misspelt instruction make one error, not one for each line", () => {
    expect(errorsOf("FROM a\nRUUN <<EOF\necho\nls\nEOF\n")).toEqual([
      "2: unknown instruction: RUUN (did you mean RUN?)",
    ]);
  });

  it("strip tabs at the start of lines only", () => {
    expect(stripTabs("\t\ta\tb\n\n\tc\r\td\u2028\te")).toBe("a\tb\n\nc\r\td\u2028\te");
  });
});
