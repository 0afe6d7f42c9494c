import { describe, expect, it } from "vitest";
import { only, parse, problemOf, sliceOf } from "../support/dockerfile.js";

describe("name=value pairs", () => {
  it.each([
    [
      "A=1 B=2",
      [
        ["A", "1"],
        ["B", "2"],
      ],
    ],
    [
      "A= B=''",
      [
        ["A", ""],
        ["B", "''"],
      ],
    ],
    [
      'A="x y"z B=\'p "q\'',
      [
        ["A", '"x y"z'],
        ["B", "'p \"q'"],
      ],
    ],
    [
      'A=x\\ y B=\\"z',
      [
        ["A", "x\\ y"],
        ["B", '\\"z'],
      ],
    ],
    ["A=b=c", [["A", "b=c"]]],
    ['"A B"=1', [['"A B"', "1"]]],
    ["A=1\\\u00a0", [["A", "1"]]],
    [
      "A=1\u00a0B=2",
      [
        ["A", "1"],
        ["B", "2"],
      ],
    ],
    ['A="x', [["A", '"x']]],
  ])("%s", (text, pairs) => {
    const env = only("ENV", `ENV ${text}`);
    expect(env.pairs.map(({ key, value }) => [key.value, value.value])).toEqual(pairs);
    expect(env.pairs.every(({ delimited }) => delimited)).toBe(true);
  });

  it.each([
    ["A b c", "A", "b c"],
    ["A  b=c", "A", "b=c"],
    ['A "b  c" ', "A", '"b  c"'],
    ["A\tb\tc", "A", "b\tc"],
  ])("the old form takes the rest of the line: %s", (text, key, value) => {
    expect(only("ENV", `ENV ${text}`).pairs).toMatchObject([
      { key: { value: key }, value: { value }, delimited: false },
    ]);
  });

  it("have exact spans across lines", () => {
    const { source, stages } = parse('FROM a\nLABEL a=1 \\\n  # c\n  b="x \\\n  y"\n');
    const [label] = stages[0]!.instructions;
    if (label?.kind !== "LABEL") throw new Error("expected LABEL");
    expect(label.pairs.map(({ key, value }) => [sliceOf(source, key.span), sliceOf(source, value.span)])).toEqual([
      ["a", "1"],
      ["b", '"x \\\n  y"'],
    ]);
    expect(label.pairs[1]!.value.value).toBe('"x   y"');
  });

  it.each([
    ["ENV", "ENV requires at least one argument"],
    ["ENV A", "ENV must have two arguments"],
    ["ENV =1", "ENV names can not be blank"],
    ["LABEL a=b c", 'Syntax error - can\'t find = in "c". Must be of the form: name=value'],
    ["LABEL a=b # c", 'Syntax error - can\'t find = in "#". Must be of the form: name=value'],
    ["ARG", "ARG requires at least one argument"],
    ["ARG =1", "ARG names can not be blank"],
  ])("are checked: %s", (text, message) => {
    expect(problemOf(text).message).toBe(message);
  });

  it("ARG takes names with and without a value", () => {
    const { args } = only("ARG", 'ARG A B= C="x y" D=a=b');
    expect(args.map(({ name, value }) => [name.value, value?.value])).toEqual([
      ["A", undefined],
      ["B", ""],
      ["C", '"x y"'],
      ["D", "a=b"],
    ]);
  });
});
