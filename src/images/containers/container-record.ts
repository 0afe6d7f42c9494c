/** What is kept of a container: what it was made of, what ran in it, how it ended, what it changed. */
import type { DiffId, Digest } from "../../oci/digest.js";
import type { Descriptor, ExecutionConfig, Platform } from "../../oci/types.js";

export interface ContainerRecord {
  readonly version: 1;
  /** 64 lower-case hex digits. */
  readonly id: string;
  readonly name: string;
  readonly image: {
    /** As it was asked for. */
    readonly name: string;
    readonly id: Digest;
    /** Of the manifest. */
    readonly manifest: Descriptor;
  };
  /** RFC 3339. */
  readonly created: string;
  readonly platform: Platform;
  /** The image's, with what the command line said. */
  readonly config: ExecutionConfig;
  readonly hostname: string;
  /** Whether it goes when it has ended. */
  readonly autoRemove: boolean;
  readonly state: ContainerState;
  /** The layer of what it changed, whose tar lies beside this record; `null` while it runs, or when that was lost. */
  readonly changes: { readonly diffId: DiffId; readonly isEmpty: boolean } | null;
}

export type ContainerState =
  /** `owner` names the process that runs it, as `ownedName` does. */
  | { readonly status: "running"; readonly owner: string }
  | { readonly status: "exited"; readonly exitCode: number; readonly finished: string };

/** The program and its arguments. */
export function commandOf({ Entrypoint, Cmd }: ExecutionConfig): readonly string[] {
  return [...(Entrypoint ?? []), ...(Cmd ?? [])];
}

/** `undefined` for what is no record of this version. */
export function parseRecord(bytes: Buffer): ContainerRecord | undefined {
  try {
    const value = JSON.parse(bytes.toString("utf8")) as Partial<ContainerRecord> | null;
    const isWhole =
      value?.version === 1 &&
      /^[0-9a-f]{64}$/.test(value.id ?? "") &&
      typeof value.name === "string" &&
      typeof value.image?.manifest?.digest === "string" &&
      typeof value.state?.status === "string";
    return isWhole ? (value as ContainerRecord) : undefined;
  } catch {
    return undefined;
  }
}
