/** The LZMA decoder, for the chunks of LZMA2: a range coder with adaptive probabilities, literals and matches. */
import { DamagedData } from "./damaged-data.js";

const STATES = 12;
const PROBABILITY_ONE_HALF = 1024;
/** Where each kind of probability begins. */
const IS_MATCH = 0;
const IS_REP = IS_MATCH + STATES * 16;
const IS_REP_0 = IS_REP + STATES;
const IS_REP_1 = IS_REP_0 + STATES;
const IS_REP_2 = IS_REP_1 + STATES;
const IS_REP_0_LONG = IS_REP_2 + STATES;
const DISTANCE_SLOT = IS_REP_0_LONG + STATES * 16;
const DISTANCE_SPECIAL = DISTANCE_SLOT + 4 * 64;
const DISTANCE_ALIGN = DISTANCE_SPECIAL + 115;
const LENGTH = DISTANCE_ALIGN + 16;
const LENGTH_SIZE = 2 + 2 * 16 * 8 + 256;
const REP_LENGTH = LENGTH + LENGTH_SIZE;
const LITERAL = REP_LENGTH + LENGTH_SIZE;
const LITERAL_SIZE = 0x300;

/** The shortest match. */
const MIN_MATCH = 2;

/** Bytes that were decoded: matches are copied from here. */
export interface History {
  readonly bytes: Uint8Array;
  /** Where the next byte goes. */
  position: number;
  /** The first byte that matches may reach. */
  start: number;
}

export class LzmaDecoder {
  readonly #probabilities = new Uint16Array(LITERAL + (LITERAL_SIZE << 4));
  #literalContextBits = 0;
  #literalPositionMask = 0;
  #positionMask = 0;
  #state = 0;
  #distances: [number, number, number, number] = [0, 0, 0, 0];
  #input: Uint8Array = new Uint8Array(0);
  #at = 0;
  // Unsigned numbers, kept as signed ones: those are never boxed.
  #range = 0;
  #code = 0;

  /** Sets the three numbers that the byte `properties` holds. @throws DamagedData */
  setProperties(properties: number): void {
    if (properties > 224) throw new DamagedData("has impossible properties");
    const literalContextBits = properties % 9;
    const literalPositionBits = Math.floor(properties / 9) % 5;
    if (literalContextBits + literalPositionBits > 4) throw new DamagedData("has impossible properties");
    this.#literalContextBits = literalContextBits;
    this.#literalPositionMask = (1 << literalPositionBits) - 1;
    this.#positionMask = (1 << Math.floor(properties / 45)) - 1;
  }

  reset(): void {
    this.#probabilities.fill(PROBABILITY_ONE_HALF);
    this.#state = 0;
    this.#distances = [0, 0, 0, 0];
  }

  /**
   * Decodes `input`, a whole chunk, to exactly `size` bytes at the end of `history`, which has room for them.
   * @param offset of `history.position` since the start of the dictionary, which some contexts depend on
   * @throws DamagedData
   */
  decode(input: Uint8Array, history: History, size: number, offset: number): void {
    if (input[0] !== 0) throw new DamagedData("has a chunk that begins wrongly");
    this.#input = input;
    this.#range = -1;
    this.#code = (input[1]! << 24) | (input[2]! << 16) | (input[3]! << 8) | input[4]!;
    this.#at = 5;
    const { bytes, start } = history;
    const end = history.position + size;
    let position = history.position;
    let state = this.#state;
    let [distance, distance1, distance2, distance3] = this.#distances;
    const toTotal = offset - position;
    while (position < end) {
      const total = position + toTotal;
      const positionState = total & this.#positionMask;
      if (this.#bit(IS_MATCH + (state << 4) + positionState) === 0) {
        const previous = position > start ? bytes[position - 1]! : 0;
        const context =
          ((total & this.#literalPositionMask) << this.#literalContextBits) +
          (previous >> (8 - this.#literalContextBits));
        const model = LITERAL + LITERAL_SIZE * context;
        if (state < 7) {
          bytes[position++] = this.#literal(model);
          state = state < 4 ? 0 : state - 3;
        } else {
          if (distance >= position - start) throw new DamagedData("reaches back too far");
          bytes[position] = this.#matchedLiteral(model, bytes[position - distance - 1]!);
          position++;
          state = state < 10 ? state - 3 : state - 6;
        }
        continue;
      }
      let length: number;
      if (this.#bit(IS_REP + state) === 0) {
        distance3 = distance2;
        distance2 = distance1;
        distance1 = distance;
        length = this.#length(LENGTH, positionState);
        distance = this.#distance(length);
        state = state < 7 ? 7 : 10;
      } else {
        if (this.#bit(IS_REP_0 + state) === 0) {
          if (this.#bit(IS_REP_0_LONG + (state << 4) + positionState) === 0) {
            if (distance >= position - start) throw new DamagedData("reaches back too far");
            bytes[position] = bytes[position - distance - 1]!;
            position++;
            state = state < 7 ? 9 : 11;
            continue;
          }
        } else {
          let next = distance1;
          if (this.#bit(IS_REP_1 + state) !== 0) {
            next = distance2;
            if (this.#bit(IS_REP_2 + state) !== 0) {
              next = distance3;
              distance3 = distance2;
            }
            distance2 = distance1;
          }
          distance1 = distance;
          distance = next;
        }
        length = this.#length(REP_LENGTH, positionState);
        state = state < 7 ? 8 : 11;
      }
      length += MIN_MATCH;
      if (distance >= position - start) throw new DamagedData("reaches back too far");
      if (length > end - position) throw new DamagedData("is longer than it says");
      copy(bytes, position, distance + 1, length);
      position += length;
    }
    this.#normalize();
    if (this.#at !== input.length || this.#code !== 0) throw new DamagedData("is not as long as it says");
    this.#state = state;
    this.#distances = [distance, distance1, distance2, distance3];
    history.position = position;
  }

  #normalize(): void {
    if (this.#range >>> 24 !== 0) return;
    this.#range <<= 8;
    this.#code = (this.#code << 8) | (this.#input[this.#at++] ?? 0);
  }

  #bit(index: number): 0 | 1 {
    this.#normalize();
    const probabilities = this.#probabilities;
    const probability = probabilities[index]!;
    const bound = Math.imul(this.#range >>> 11, probability);
    if (this.#code >>> 0 < bound >>> 0) {
      this.#range = bound;
      probabilities[index] = probability + ((2048 - probability) >> 5);
      return 0;
    }
    this.#range = (this.#range - bound) | 0;
    this.#code = (this.#code - bound) | 0;
    probabilities[index] = probability - (probability >> 5);
    return 1;
  }

  #literal(model: number): number {
    let symbol = 1;
    while (symbol < 0x100) symbol = (symbol << 1) | this.#bit(model + symbol);
    return symbol & 0xff;
  }

  /** A literal after a match: the byte that would have followed the match is part of the context. */
  #matchedLiteral(model: number, matched: number): number {
    let symbol = 1;
    let rest = matched;
    while (symbol < 0x100) {
      const expected = (rest >> 7) & 1;
      rest <<= 1;
      const bit = this.#bit(model + ((1 + expected) << 8) + symbol);
      symbol = (symbol << 1) | bit;
      if (bit !== expected) break;
    }
    while (symbol < 0x100) symbol = (symbol << 1) | this.#bit(model + symbol);
    return symbol & 0xff;
  }

  #length(model: number, positionState: number): number {
    if (this.#bit(model) === 0) return this.#tree(model + 2 + (positionState << 3), 3);
    if (this.#bit(model + 1) === 0) return 8 + this.#tree(model + 2 + 128 + (positionState << 3), 3);
    return 16 + this.#tree(model + 2 + 256, 8);
  }

  #distance(length: number): number {
    const slot = this.#tree(DISTANCE_SLOT + (Math.min(length, 3) << 6), 6);
    if (slot < 4) return slot;
    const count = (slot >> 1) - 1;
    const base = ((2 | (slot & 1)) << count) >>> 0;
    if (slot < 14) return base + this.#reverseTree(DISTANCE_SPECIAL + base - slot, count);
    return base + this.#direct(count - 4) * 16 + this.#reverseTree(DISTANCE_ALIGN, 4);
  }

  #tree(model: number, bits: number): number {
    let symbol = 1;
    for (let left = bits; left > 0; left--) symbol = (symbol << 1) | this.#bit(model + symbol);
    return symbol - (1 << bits);
  }

  #reverseTree(model: number, bits: number): number {
    let symbol = 1;
    let value = 0;
    for (let at = 0; at < bits; at++) {
      const bit = this.#bit(model + symbol);
      symbol = (symbol << 1) | bit;
      value |= bit << at;
    }
    return value;
  }

  /** Bits that are as likely 0 as 1. */
  #direct(bits: number): number {
    let value = 0;
    for (let left = bits; left > 0; left--) {
      this.#normalize();
      this.#range = (this.#range >>> 1) | 0;
      if (this.#code >>> 0 >= this.#range) {
        this.#code = (this.#code - this.#range) | 0;
        value = (value << 1) | 1;
      } else value <<= 1;
    }
    return value >>> 0;
  }
}

/** Copies what lies `distance` bytes back; what is copied may be copied again. */
function copy(bytes: Uint8Array, position: number, distance: number, length: number): void {
  if (distance >= length) {
    // A call costs as much as some dozens of bytes.
    if (length > 64) bytes.copyWithin(position, position - distance, position - distance + length);
    else for (let at = position; at < position + length; at++) bytes[at] = bytes[at - distance]!;
  } else if (distance === 1) bytes.fill(bytes[position - 1]!, position, position + length);
  else for (let at = position; at < position + length; at++) bytes[at] = bytes[at - distance]!;
}
