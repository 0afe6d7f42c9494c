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
  /**
   * Bytes of names, link targets and extended attributes of one archive, beside `METADATA_BYTES_PER_ENTRY` for each entry.
   * They are kept in memory, and a small compressed archive can hold any number of large ones.
   */
  readonly metadataBytes: number;
}

/** What every entry may take without being counted against `metadataBytes`. */
export const METADATA_BYTES_PER_ENTRY: number = 1024;

export const TAR_LIMITS: TarLimits = {
  extendedHeaderBytes: 1024 * 1024,
  nameBytes: 64 * 1024,
  entries: 10_000_000,
  depth: 4096,
  metadataBytes: 32 * 1024 * 1024,
};
