import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Word } from "../../src/dockerfile/ast.js";
import { parseDockerfile, parseInstruction } from "../../src/dockerfile/parse.js";
import { sourceText } from "../../src/util/source-text.js";
import { allInstructions, errorsOf, parse, sliceOf } from "../support/dockerfile.js";
import { MAGIC_NAMES } from "../support/magic-names.js";
import { dockerfileText } from "./arbitrary.js";

describe("parseDockerfile", () => {
  it("makes stages and global build arguments", () => {
    const { globalArgs, stages, diagnostics } = parse(
      "ARG V=1\nARG W\nFROM a:$V AS one\nRUN x\nARG Y\nFROM one\nfrom scratch AS Two\nCOPY --from=one a b\n",
    );
    expect(globalArgs.map(({ text }) => text)).toEqual(["ARG V=1", "ARG W"]);
    expect(
      stages.map(({ index, name, from, instructions }) => [index, name, from.image.value, instructions.length]),
    ).toEqual([
      [0, "one", "a:$V", 2],
      [1, undefined, "one", 0],
      [2, "two", "scratch", 1],
    ]);
    expect(diagnostics).toEqual([]);
  });

  it("collects all errors, in the order of the text, and keeps what is right", () => {
    const { stages } = parse("FROM a\nWRONG\nUSER x\nENV A\n");
    expect(stages[0]!.instructions.map(({ kind }) => kind)).toEqual(["USER"]);
    expect(errorsOf("FROM a\nWRONG\nUSER x\nENV A\nCOPY --x a b\n")).toEqual([
      "2: unknown instruction: WRONG",
      "4: ENV must have two arguments",
      "5: unknown flag: --x",
    ]);
  });

  it.each([
    ["", ["1: the Dockerfile cannot be empty"]],
    ["\n# x\n\n", ["3: file with no instructions"]],
    ["ARG A\n", ["1: dockerfile contains no stages to build"]],
    ["ARG A\nRUN x\nUSER y\n", ["2: no build stage in current context"]],
    ["FORM a\n", ["1: unknown instruction: FORM (did you mean FROM?)"]],
    ["FROM a\nlabl x=y\n", ["2: unknown instruction: labl (did you mean label?)"]],
    ["FROM a\n\\\n", ["2: unknown instruction: "]],
  ])("reports what cannot be built: %j", (text, errors) => {
    expect(errorsOf(text)).toEqual(errors);
  });

  it.each([
    ["FORM a", "write FROM instead of FORM"],
    ["&& make", "end that one with \\"],
    ["version:", "does not look like a Dockerfile"],
    ["<!DOCTYPE html>", "does not look like a Dockerfile"],
    ["FOO=bar", "ENV FOO=bar"],
  ])("advises what to do about the unknown: %s", (line, hint) => {
    expect(parse(`FROM a\n${line}\n`).diagnostics[0]!.hint).toContain(hint);
  });

  it("takes a source text as it is, and a byte order mark for nothing", () => {
    const source = sourceText("x", "\ufeffFROM a");
    const dockerfile = parseDockerfile(source);
    expect(dockerfile.source).toBe(source);
    expect(sliceOf(source, dockerfile.stages[0]!.from.span)).toBe("FROM a");
  });
});

describe("parseInstruction", () => {
  it("reads a trigger with its heredocs", () => {
    const { instruction, source, diagnostics } = parseInstruction("onbuild", "COPY <<E /f\nx\nE");
    expect(instruction).toMatchObject({ kind: "COPY", contents: [{ content: "x\n" }] });
    expect(sliceOf(source, instruction!.span)).toBe("COPY <<E /f\nx\nE");
    expect(diagnostics).toEqual([]);
  });

  it.each([
    ["", "onbuild trigger should be a single expression"],
    ["USER a\nUSER b", "onbuild trigger should be a single expression"],
    ["FROM a", "FROM isn't allowed as an ONBUILD trigger"],
    ["WRONG", "unknown instruction: WRONG"],
    ["RUN <<E\n", "unterminated heredoc"],
  ])("reports %j", (text, message) => {
    const { instruction, diagnostics } = parseInstruction("onbuild", text);
    expect(instruction).toBeUndefined();
    expect(diagnostics.map((diagnostic) => diagnostic.message)).toContain(message);
  });
});

describe("on any text", () => {
  it("C1: the parser throws nothing, and its spans lie inside the text", () => {
    fc.assert(
      fc.property(fc.oneof(dockerfileText, fc.string({ unit: "binary", maxLength: 60 })), (text) => {
        const dockerfile = parse(text);
        const spans = [
          ...dockerfile.diagnostics.map(({ span }) => span),
          ...dockerfile.comments.map(({ span }) => span),
          ...allInstructions(dockerfile).map(({ span }) => span),
        ];
        for (const { start, end } of spans) {
          expect(0 <= start && start <= end && end <= text.length).toBe(true);
        }
        if (dockerfile.stages.length === 0) expect(dockerfile.diagnostics.length).toBeGreaterThan(0);
        parseInstruction("x", text);
      }),
      { numRuns: 1500 },
    );
  });

  it("every word is the slice of the text at its span, continuations taken out", () => {
    const part = fc.constantFrom(
      "a",
      "=",
      '"',
      "'",
      " ",
      "x\\\ny",
      "\\\n",
      "\\\r\n  # c\n",
      "\\b",
      "<<E",
      "$V",
      "é",
      "--x",
    );
    const line = fc.tuple(
      fc.constantFrom("COPY ", "ENV ", "LABEL ", "ARG ", "EXPOSE ", "WORKDIR ", "USER ", "ADD --chown="),
      fc.array(part, { minLength: 1, maxLength: 12 }),
    );
    let words = 0;
    fc.assert(
      fc.property(fc.array(line, { maxLength: 5 }), (lines) => {
        const dockerfile = parse(
          `FROM a\n${lines.map(([keyword, parts]) => `${keyword}${parts.join("")}\n`).join("")}`,
        );
        for (const word of wordsIn(dockerfile.stages)) {
          words++;
          const written = sliceOf(dockerfile.source, word.span).replace(/\\[ \t]*\r?\n(?:[ \t]*(?:#[^\n]*)?\n)*/g, "");
          expect(written).toBe(word.value);
        }
      }),
      { numRuns: 1500 },
    );
    expect(words).toBeGreaterThan(1000);
  });
});

/** All words of a tree except those of flags, which lose their quotes. */
function wordsIn(node: unknown): Word[] {
  if (typeof node !== "object" || node === null) return [];
  if ("value" in node && "span" in node && typeof node.value === "string" && !("name" in node)) return [node as Word];
  return Object.entries(node).flatMap(([key, value]) => (key === "chown" ? [] : wordsIn(value)));
}

describe("limits", () => {
  it("C1: a file over 8 MiB is refused before it is read", () => {
    expect(errorsOf(`FROM a\n${"#\n".repeat(4 * 1024 * 1024)}`)).toEqual([
      "1: the Dockerfile is larger than 8388608 bytes",
    ]);
    const limits = { maxFileBytes: 10 };
    expect(parseDockerfile({ name: "x", text: "FROM ééé" }, limits).diagnostics).toMatchObject([
      { code: "file-too-large" },
    ]);
    expect(parseDockerfile({ name: "x", text: "FROM éé" }, limits).diagnostics).toEqual([]);
  });

  it("C1: a logical line over 64 KiB is refused, whether it is one line or many", () => {
    const message = "dockerfile line greater than max allowed size of 65535";
    const fits = `LABEL a=${"x".repeat(65535 - 8)}`;
    expect(errorsOf(`FROM a\n${fits}\n`)).toEqual([]);
    expect(errorsOf(`FROM a\n${fits}x\nUSER b\n`)).toEqual([`2: ${message}`]);
    expect(errorsOf(`FROM a\nRUN ${"x".repeat(60)} \\\n${"y \\\n".repeat(40_000)}\nUSER b\n`)).toEqual([
      `2: ${message}`,
    ]);
    expect(errorsOf(`FROM a\nLABEL a=${"é".repeat(40_000)}\n`)).toEqual([`2: ${message}`]);
  });

  it("C1: a heredoc may be longer than a line", () => {
    expect(errorsOf(`FROM a\nCOPY <<E /f\n${"x".repeat(70_000)}\nE\n`)).toEqual([]);
  });

  it("C1: parsing stops after 10,000 instructions", () => {
    expect(errorsOf("FROM a\n".repeat(10_000))).toEqual([]);
    expect(errorsOf(`${"FROM a\n".repeat(10_000)}WRONG\nWRONG\n`)).toEqual(["10001: more than 10000 instructions"]);
  });

  it.each<[string, (size: number) => string]>([
    ["continuations", (size) => `FROM a\nRUN x${" \\\n".repeat(size)}`],
    ["empty continuations", (size) => `FROM a\nRUN x \\\n${"\n".repeat(size)}`],
    ["comments", (size) => "# a\n".repeat(size)],
    ["heredocs without end", (size) => `FROM a\nRUN <<A <<B <<C\n${"x\n".repeat(size)}`],
    ["heredocs", (size) => "COPY <<A /\nA\n".repeat(size)],
    ["stages", (size) => "FROM a AS b\n".repeat(size)],
    ["errors", (size) => "WRONG\n".repeat(size)],
    ["directives", (size) => "# escape=x\n".repeat(size)],
  ])("C1: twice as many %s are twice the work", (_, make) => {
    const work = (size: number): number => {
      const source = sourceText("x", make(size));
      let reads = 0;
      const lineStarts = new Proxy(source.lineStarts, {
        get(target, key) {
          reads++;
          return Reflect.get(target, key) as unknown;
        },
      });
      parseDockerfile({ ...source, lineStarts });
      return reads;
    };
    const once = work(1000);
    expect(once).toBeGreaterThan(500);
    expect(work(2000)).toBeLessThan(2.1 * once);
  });

  it("C1: nesting is no recursion", () => {
    const deep = 10_000;
    for (const line of [
      "ONBUILD ".repeat(8000),
      `RUN <<E ${"${a:-".repeat(deep)}${"}".repeat(deep)}`,
      `CMD ${"[".repeat(deep)}`,
    ]) {
      expect(() => parse(`FROM a\n${line}\n`)).not.toThrow();
    }
  });
});

describe("other frontends", () => {
  it("C5: `# syntax=` is read as text, whatever it names, and changes nothing", () => {
    const body = "FROM a\nRUN b\n";
    for (const name of ["docker/dockerfile:1", "evil.example/frontend@sha256:0", "../../x", "$X", "__proto__"]) {
      const { directives, stages, diagnostics } = parse(`# syntax=${name}\n${body}`);
      expect(directives).toMatchObject([{ name: "syntax", value: name }]);
      expect(stages).toHaveLength(1);
      expect(diagnostics).toEqual([]);
    }
  });

  it("C5, C14: what only another frontend knows is an error that names it", () => {
    expect(errorsOf("# syntax=x/y:labs\nFROM a\nINCLUDE b\nRUN --gpu=all x\nCOPY --unzip a b\n")).toEqual([
      "3: unknown instruction: INCLUDE",
      "4: unknown flag: --gpu",
      "5: unknown flag: --unzip",
    ]);
  });
});

describe("C4: magic names", () => {
  it.each([...MAGIC_NAMES, "prototype"])("%s is a name like any other", (name) => {
    const before = Object.getOwnPropertyNames(Object.prototype);
    const { stages, globalArgs } = parse(
      [
        `ARG ${name}=1`,
        "FROM a AS constructor",
        `ENV ${name}=2`,
        `LABEL ${name}=3`,
        `COPY <<${name} /f`,
        "x",
        name,
        `RUN --mount=type=cache,id=${name},target=/x y`,
      ].join("\n"),
    );
    expect(globalArgs[0]!.args[0]).toMatchObject({ name: { value: name }, value: { value: "1" } });
    expect(stages[0]).toMatchObject({
      name: "constructor",
      instructions: [
        { pairs: [{ key: { value: name }, value: { value: "2" } }] },
        { pairs: [{ key: { value: name }, value: { value: "3" } }] },
        { contents: [{ name, content: "x\n" }] },
        { mounts: [{ options: [{}, { name: "id", value: name }, {}] }] },
      ],
    });
    expect(Object.getOwnPropertyNames(Object.prototype)).toEqual(before);
  });

  it.each([...MAGIC_NAMES, "prototype"])("%s is no instruction, flag or directive", (name) => {
    expect(errorsOf(`# ${name}=1\nFROM a\n${name} x\nCOPY --${name} a b\n`)).toEqual([
      `3: unknown instruction: ${name}`,
      `4: unknown flag: --${name}`,
    ]);
  });
});
