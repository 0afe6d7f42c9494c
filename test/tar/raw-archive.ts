/** Archives built field by field, right or wrong, without the code under test. */

export interface RawHeader {
  readonly name?: string;
  readonly prefix?: string;
  readonly type?: string;
  readonly mode?: string;
  readonly uid?: string;
  readonly gid?: string;
  readonly size?: string;
  readonly mtime?: string;
  readonly link?: string;
  readonly magic?: "ustar" | "gnu" | "v7";
  readonly major?: string;
  readonly minor?: string;
  readonly checksum?: number;
}

export function octal(value: number, digits: number): string {
  return `${value.toString(8).padStart(digits, "0")}\0`;
}

export function base256(value: number, length: number): string {
  const bytes = Buffer.alloc(length);
  bytes.writeBigInt64BE(BigInt(value), length - 8);
  if (value < 0) bytes.fill(0xff, 0, length - 8);
  bytes[0] = (bytes[0] as number) | 0x80;
  return bytes.toString("latin1");
}

/** One header block; numbers are given as they stand in their field. */
export function rawHeader(header: RawHeader): Buffer {
  const block = Buffer.alloc(512);
  const put = (text: string | undefined, at: number, length: number): void => {
    if (text !== undefined) block.write(text.slice(0, length), at, length, "latin1");
  };
  put(header.name ?? "file", 0, 100);
  put(header.mode ?? octal(0o644, 7), 100, 8);
  put(header.uid ?? octal(0, 7), 108, 8);
  put(header.gid ?? octal(0, 7), 116, 8);
  put(header.size ?? octal(0, 11), 124, 12);
  put(header.mtime ?? octal(1_000_000, 11), 136, 12);
  put(header.type ?? "0", 156, 1);
  put(header.link, 157, 100);
  const magic = header.magic ?? "ustar";
  if (magic !== "v7") put(magic === "gnu" ? "ustar  \0" : "ustar\x0000", 257, 8);
  put(header.major, 329, 8);
  put(header.minor, 337, 8);
  put(header.prefix, 345, 155);
  let sum = 8 * 0x20;
  for (const byte of block) sum += byte;
  put(octal(header.checksum ?? sum, 6), 148, 7);
  block[155] = 0x20;
  return block;
}

export function padded(content: Buffer | string): Buffer {
  const bytes = typeof content === "string" ? Buffer.from(content, "latin1") : content;
  return Buffer.concat([bytes, Buffer.alloc((512 - (bytes.length % 512)) % 512)]);
}

/** A meta entry (`x`, `g`, `L`, `K`) with its payload. */
export function meta(type: "x" | "g" | "L" | "K", payload: string, header: RawHeader = {}): Buffer {
  const size = octal(payload.length, 11);
  return Buffer.concat([rawHeader({ name: "meta", size, type, ...header }), padded(payload)]);
}

export function records(pairs: readonly (readonly [string, string])[]): string {
  return pairs
    .map(([key, value]) => {
      const rest = key.length + value.length + 3;
      let length = rest + 1;
      while (String(length).length + rest !== length) length = String(length).length + rest;
      return `${length} ${key}=${value}\n`;
    })
    .join("");
}

export const END: Buffer = Buffer.alloc(1024);
