/** Random numbers that a seed decides, so that a run can be made again. */

export interface Random {
  /** An integer from 0 to below `bound`. */
  below(bound: number): number;
  pick<T>(list: readonly T[]): T;
}

/** The generator sfc32. */
export function createRandom(seed: number): Random {
  let a = seed >>> 0;
  let b = 0x9e3779b9;
  let c = 0x243f6a88;
  let counter = 1;
  const next = (): number => {
    const sum = (((a + b) | 0) + counter) | 0;
    counter = (counter + 1) | 0;
    a = b ^ (b >>> 9);
    b = (c + (c << 3)) | 0;
    c = ((c << 21) | (c >>> 11)) + sum;
    return sum >>> 0;
  };
  for (let round = 0; round < 12; round++) next();
  const below = (bound: number): number => next() % Math.max(1, bound);
  return { below, pick: (list) => list[below(list.length)]! };
}
