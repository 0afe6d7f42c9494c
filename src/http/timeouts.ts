/** How long each stage of a request may take. */

export interface Timeouts {
  readonly connectMs: number;
  /** From the last byte sent to the reply's headers. */
  readonly headersMs: number;
  /** The same for PUT and PATCH: a registry may check and move a whole blob before it replies. */
  readonly uploadReplyMs: number;
  /** Between two pieces of a body. */
  readonly bodyIdleMs: number;
}

export const DEFAULT_TIMEOUTS: Timeouts = {
  connectMs: 15_000,
  headersMs: 60_000,
  uploadReplyMs: 600_000,
  bodyIdleMs: 60_000,
};
