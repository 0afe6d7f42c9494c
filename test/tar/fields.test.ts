import { describe, expect, it } from "vitest";
import { hasValidChecksum, readName, readNumber } from "../../src/tar/fields.js";

const number = (text: string): number | undefined => readNumber(Buffer.from(text, "latin1"), 0, text.length);

describe("readNumber", () => {
  it.each([
    ["0000644\0", 0o644],
    ["000644 \0", 0o644],
    ["   644 \0", 0o644],
    ["\0\0\0\0\0\0\0\0", 0],
    ["        ", 0],
    ["77777777777", 0o77777777777],
    ["644\0junk", 0o644],
    ["\x80\0\0\0\0\0\0\x01", 1],
    ["\x80\0\0\0\0\0\0\x01\0\0\0\0", 2 ** 32],
    ["\xff\xff\xff\xff\xff\xff\xff\xff", -1],
    ["\xff\xff\xff\xff\xff\xff\xff\x00", -256],
  ])("reads %j as %d", (text, value) => {
    expect(number(text)).toBe(value);
  });

  it.each(["0000 44\0", "00x0644\0", "-000644\0", "0000008\0", "\x80\x7f\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff"])(
    "U9: refuses %j",
    (text) => {
      expect(number(text)).toBeUndefined();
    },
  );
});

describe("readName", () => {
  it("ends at a NUL or at the end of the field", () => {
    const block = Buffer.from("abc\0defgh", "latin1");
    expect([readName(block, 0, 9), readName(block, 4, 3), readName(block, 3, 4)]).toEqual(["abc", "def", ""]);
  });
});

describe("hasValidChecksum", () => {
  it("takes sums of unsigned and of signed bytes, and no others", () => {
    const block = Buffer.alloc(512);
    block.fill(0xe9, 0, 10);
    const unsigned = 8 * 0x20 + 10 * 0xe9;
    const withSum = (sum: number): Buffer => {
      const copy = Buffer.from(block);
      copy.write(`${sum.toString(8).padStart(6, "0")}\0 `, 148, "latin1");
      return copy;
    };
    expect(hasValidChecksum(withSum(unsigned), 0)).toBe(true);
    expect(hasValidChecksum(withSum(unsigned - 2560), 0)).toBe(true);
    expect(hasValidChecksum(withSum(unsigned + 1), 0)).toBe(false);
  });
});
