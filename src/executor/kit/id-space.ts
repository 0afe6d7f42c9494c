/** Whose ids the files of an executor have: the machine's own for root, subordinate ones for an ordinary user. */
export interface IdSpace {
  /** `root`: only uid 0 exists. */
  readonly ids: "all" | "root";
  /** Which attributes overlayfs uses; `none` where nothing is stacked and whiteouts are only remembered. */
  readonly overlay: "trusted" | "user" | "none";
  /** Names the mapping: folders of one mapping are no use to another. Safe as a file name. */
  readonly key: string;
  /** Highest id inside. */
  readonly maxId: number;
  /** `argv` as a command that runs with root's rights over the files of this space. */
  command(argv: readonly string[]): readonly string[];
  /** Which id inside the id `hostId` of the machine is; 65534 for none. */
  idInside(hostId: number): number;
  close(): Promise<void>;
}

/** Of a process that is root and stays it. */
export const ROOT_IDS: IdSpace = {
  ids: "all",
  overlay: "trusted",
  key: "root",
  maxId: 2 ** 32 - 2,
  command: (argv) => argv,
  idInside: (hostId) => hostId,
  close: () => Promise.resolve(),
};

/** As `ROOT_IDS`, for layers that are copied together: no device and no attribute stands for what a layer deletes. */
export const FLAT_ROOT_IDS: IdSpace = { ...ROOT_IDS, overlay: "none", key: "flat" };
