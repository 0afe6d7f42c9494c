/** Tells blocks that deflate cannot shrink (media, archives, keys) from others, at a hundredth of the cost of trying. */

const SAMPLES = 64;
const SAMPLE_BYTES = 256;
/** Bits per byte of the sample; 16 KiB of random bytes show 7.989 ± 0.002, which is what good compressors leave. */
const THRESHOLD_BITS = 7.95;

const counts = new Uint32Array(256);

/**
 * Whether the bytes of `block`, sampled in 64 places spread over it, are so evenly distributed that compressing could save
 * 3 % at most. Depends on the bytes alone. Blocks too short for a sample are called compressible.
 */
export function isIncompressible(block: Buffer): boolean {
  const stride = Math.floor(block.length / SAMPLES);
  if (stride < SAMPLE_BYTES) return false;
  counts.fill(0);
  for (let sample = 0; sample < SAMPLES; sample++) {
    const start = sample * stride;
    for (let i = start; i < start + SAMPLE_BYTES; i++) {
      const byte = block[i] as number;
      counts[byte] = (counts[byte] as number) + 1;
    }
  }
  const total = SAMPLES * SAMPLE_BYTES;
  let sum = 0;
  for (const count of counts) if (count > 0) sum += count * Math.log2(count);
  return Math.log2(total) - sum / total > THRESHOLD_BITS;
}
