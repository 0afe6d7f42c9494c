/** Takes secrets out of a stream of bytes, also where one comes in pieces: for what is written to a disk (L1). */

const MASK: Buffer = Buffer.from("***");
/** A line of a secret that is shorter stays: it would be found in everything. */
const MIN_BYTES = 4;
const NOTHING: Buffer = Buffer.alloc(0);

/** What is looked for of a secret: each of its lines, without white space around it. */
export function secretLines(value: Uint8Array): Buffer[] {
  const lines = Buffer.from(value).toString("latin1").split("\n");
  return lines.map((line) => Buffer.from(line.trim(), "latin1")).filter(({ length }) => length >= MIN_BYTES);
}

export class SecretMask {
  /** Longest first. */
  readonly #secrets: readonly Buffer[];
  /** The beginning of what may become a secret. */
  #held: Buffer = NOTHING;

  /** @param secrets none of them empty */
  constructor(secrets: readonly Buffer[]) {
    this.#secrets = [...secrets].sort((a, b) => b.length - a.length);
  }

  /** What is known by now of the stream, masked: all but an end with which a secret may begin. */
  push(chunk: Uint8Array): Buffer {
    return this.#mask(Buffer.concat([this.#held, chunk]), true);
  }

  /** What was held back. */
  end(): Buffer {
    return this.#mask(this.#held, false);
  }

  #mask(bytes: Buffer, mayGoOn: boolean): Buffer {
    const parts: Buffer[] = [];
    const places = this.#secrets.map(() => -1);
    const openFrom = (from: number): number => (mayGoOn ? this.#openAt(bytes, from) : bytes.length);
    let from = 0;
    let open = openFrom(0);
    for (;;) {
      let next = open;
      let length = 0;
      for (const [index, secret] of this.#secrets.entries()) {
        if (places[index]! < from) places[index] = indexIn(bytes, secret, from);
        if (places[index]! >= next) continue;
        next = places[index]!;
        length = secret.length;
      }
      parts.push(bytes.subarray(from, next));
      if (length === 0) break;
      parts.push(MASK);
      from = next + length;
      if (open < from) open = openFrom(from);
    }
    this.#held = Buffer.from(bytes.subarray(open));
    return Buffer.concat(parts);
  }

  /** Where the longest end of `bytes` begins, not before `from`, that is the beginning of a secret and not all of it. */
  #openAt(bytes: Buffer, from: number): number {
    let open = bytes.length;
    for (const secret of this.#secrets) {
      const first = secret.subarray(0, 1);
      let at = indexIn(bytes, first, Math.max(from, bytes.length - secret.length + 1));
      for (; at < open; at = indexIn(bytes, first, at + 1)) {
        if (bytes.subarray(at).equals(secret.subarray(0, bytes.length - at))) open = at;
      }
    }
    return open;
  }
}

/** The length of `bytes` when it is not there. */
function indexIn(bytes: Buffer, searched: Buffer, from: number): number {
  const at = bytes.indexOf(searched, from);
  return at === -1 ? bytes.length : at;
}
