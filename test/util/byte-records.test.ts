import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { ByteRecordReader, ByteRecordWriter } from "../../src/util/byte-records.js";
import type { ByteString } from "../../src/util/bytes.js";

describe("byte records", () => {
  it("come back as they were", () => {
    const number = fc.oneof(fc.maxSafeNat(), fc.nat(300), fc.constantFrom(127, 128, 2 ** 31 - 1, 2 ** 31, 2 ** 53 - 1));
    const text = fc.uint8Array({ maxLength: 200 }).map((array) => Buffer.from(array).toString("latin1") as ByteString);
    fc.assert(
      fc.property(fc.array(fc.tuple(number, text)), (records) => {
        const writer = new ByteRecordWriter();
        for (const [value, name] of records) {
          writer.number(value);
          writer.text(name);
          writer.raw(Buffer.from([1, 2]));
        }
        const reader = new ByteRecordReader(writer.finish(), 0);
        for (const record of records) {
          expect([reader.number(), reader.text()]).toEqual(record);
          expect([...reader.raw(2)]).toEqual([1, 2]);
        }
        expect([reader.isAtEnd, reader.isIntact]).toEqual([true, true]);
      }),
    );
  });

  it("grow beyond any first size", () => {
    const writer = new ByteRecordWriter();
    writer.text("x".repeat(1_000_000) as ByteString);
    expect(new ByteRecordReader(writer.finish(), 0).text()).toHaveLength(1_000_000);
  });

  it("say that they are cut off instead of throwing", () => {
    const bytes = [Buffer.alloc(0), Buffer.from([0x80]), Buffer.from([5, 65]), Buffer.alloc(20, 0xff)];
    for (const buffer of bytes) {
      const reader = new ByteRecordReader(buffer, 0);
      expect(reader.text()).toBe("");
      expect(reader.isIntact).toBe(false);
    }
    const raw = new ByteRecordReader(Buffer.alloc(3), 0);
    expect([raw.raw(4).length, raw.isIntact, raw.number()]).toEqual([0, false, 0]);
  });
});
