import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { displayWidth, safeLine, safeText, truncated } from "../../src/cli/terminal-text.js";

const char = (code: number): string => String.fromCharCode(code);

describe("L6: text from elsewhere", () => {
  const controls = [
    ...Array.from({ length: 0x20 }, (_, code) => code),
    ...Array.from({ length: 0x21 }, (_, at) => 0x7f + at),
  ];

  test.each(controls.map((code) => [`0x${code.toString(16)}`, code] as const))(
    "does not keep the control %s",
    (_, code) => {
      const kept = code === 0x09 || code === 0x0a ? char(code) : "";
      // Followed by a digit, which belongs to no sequence without its introducer's letter.
      expect(safeText(`a${char(code)}`)).toBe(`a${kept}`);
      expect(safeText(`${char(code)}${char(code)}\x7fb`)).toBe(`${kept}${kept}b`);
      expect(safeLine(`a${char(code)}`)).toBe("a");
    },
  );

  test.each([
    ["colour", "\x1b[31;1mred\x1b[0m", "red"],
    ["8-bit CSI", "\x9b31mred\x9b0m", "red"],
    ["erase display", "a\x1b[2Jb", "ab"],
    ["cursor up", "a\x1b[5Ab", "ab"],
    ["private mode", "a\x1b[?1049hb", "ab"],
    ["cursor report", "a\x1b[6nb", "ab"],
    ["CSI with intermediate", "a\x1b[1 qb", "ab"],
    ["title with BEL", "a\x1b]0;gotcha\x07b", "ab"],
    ["title with ST", "a\x1b]0;gotcha\x1b\\b", "ab"],
    ["title in 8 bits", "a\x9d0;gotcha\x9cb", "ab"],
    ["hyperlink", "\x1b]8;;http://evil.example\x1b\\click\x1b]8;;\x1b\\", "click"],
    ["clipboard", "a\x1b]52;c;cm0gLXJmIC8=\x07b", "ab"],
    ["DCS", "a\x1bP1$r0m\x1b\\b", "ab"],
    ["APC", "a\x1b_payload\x1b\\b", "ab"],
    ["PM", "a\x1b^payload\x1b\\b", "ab"],
    ["SOS", "a\x1bXpayload\x1b\\b", "ab"],
    ["reset", "a\x1bcb", "ab"],
    ["character set", "a\x1b(0b", "ab"],
    ["save cursor", "a\x1b7b\x1b8c", "abc"],
    ["keypad", "a\x1b=b\x1b>c", "abc"],
    ["carriage return", "real\rfake", "realfake"],
    ["backspaces", "ab\b\bcd", "abcd"],
    ["bell", "a\x07b", "ab"],
    ["shift out", "a\x0eb\x0fc", "abc"],
    ["next line", "a\x85b", "ab"],
    ["bidi override", "a\u202eb\u2066c\u2069", "abc"],
    ["line separator", "a\u2028b", "ab"],
    ["unfinished CSI", "a\x1b[31", "a[31"],
    ["unfinished title hides nothing", "a\x1b]0;shown\nnext", "a0;shown\nnext"],
    ["sequence in a sequence", "\x1b]0;\x1b[31mx\x07y", "0;xy"],
    ["escape escape", "\x1b\x1b[31mx", "x"],
    ["GitHub command", "::set-env name=A::b", ": :set-env name=A::b"],
    ["GitHub command after blanks", "x\n  ::add-mask::y", "x\n  : :add-mask::y"],
    ["GitHub command behind controls", "\x1b[0m:\x00:error::y", ": :error::y"],
    ["old GitHub command", "see ##[set-output]x", "see # #[set-output]x"],
    ["Azure command", "x ##vso[task.setvariable]y", "x # #vso[task.setvariable]y"],
    ["Azure command after a hash", "###VSO[x]", "## #VSO[x]"],
  ])("loses %s", (_, text, expected) => {
    expect(safeText(text)).toBe(expected);
  });

  test("holds no control whatever it is made of, and does not change when it is made safe again", () => {
    const piece = fc.oneof(
      fc.constantFrom("\x1b", "\x9b", "[", "]", "#", ":", "\r", "\n", "\x07", "\\", "vso"),
      fc.string({ unit: "binary" }),
    );
    fc.assert(
      fc.property(
        fc.array(piece).map((pieces) => pieces.join("")),
        (text) => {
          const safe = safeText(text);
          expect(safe).not.toMatch(/[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e]|^\s*::|##[a-z]*\[/im);
          expect(safeText(safe)).toBe(safe);
        },
      ),
    );
  });

  test("takes time in proportion to its length", () => {
    for (const piece of ["\x1b]", "\x1b[", "\x9d", "\x1b[0", "\x1bP\x1b", "##", ": ", "\t"]) {
      const text = piece.repeat(100_000);
      expect(safeText(text).length).toBeLessThanOrEqual(text.length);
      expect(safeLine(text).length).toBeLessThanOrEqual(text.length);
    }
  });

  test("stays as it is when it is harmless", () => {
    for (const text of ["", "COPY ä 日本 🎉 /x", "a\tb\nc", "# comment :: x", "a::b"])
      expect(safeText(text)).toBe(text);
  });

  test("comes in one line where one line is wanted", () => {
    expect(safeLine("RUN <<EOF\n  a\tb\r\nEOF\n")).toBe("RUN <<EOF a b EOF");
  });
});

describe("widths", () => {
  test.each([
    ["abc", 3],
    ["日本", 4],
    ["e\u0301", 1],
    ["🎉", 2],
    ["a\u200db", 2],
    ["ｆ", 2],
    ["ä…", 2],
  ])("%s takes %d columns", (text, width) => {
    expect(displayWidth(text)).toBe(width);
  });

  test("a text that is cut off is never wider than asked for", () => {
    fc.assert(
      fc.property(fc.string({ unit: "grapheme" }), fc.integer({ min: 0, max: 30 }), (text, columns) => {
        expect(displayWidth(truncated(text, columns))).toBeLessThanOrEqual(columns);
        if (displayWidth(text) <= columns) expect(truncated(text, columns)).toBe(text);
      }),
    );
  });
});
