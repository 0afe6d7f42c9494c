/** What a tar may ask of its reader. Everything above these is refused by name, never buffered. */
export interface TarLimits {
  /** Bytes of one PAX extended header. */
  readonly extendedHeaderBytes: number;
  /** Bytes of a path or a link target. */
  readonly nameBytes: number;
  /** Entries of one archive. */
  readonly entries: number;
  /** Components of a path. */
  readonly depth: number;
}

export const TAR_LIMITS: TarLimits = {
  extendedHeaderBytes: 1024 * 1024,
  nameBytes: 64 * 1024,
  entries: 10_000_000,
  depth: 4096,
};
