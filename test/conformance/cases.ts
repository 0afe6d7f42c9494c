/** The conformance cases as data. The format is described in test/fixtures/conformance/README.md. */
import { readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

/** An entry of an archive: its header says exactly this. */
export interface ArchiveMember {
  readonly path: string;
  readonly type?: "file" | "dir" | "symlink" | "hardlink" | "fifo" | "char" | "block";
  readonly mode?: string;
  readonly uid?: number;
  readonly gid?: number;
  readonly mtime?: string;
  readonly content?: string;
  readonly target?: string;
  readonly xattrs?: Readonly<Record<string, string>>;
  readonly major?: number;
  readonly minor?: number;
}

/** The bytes of a file. */
export interface CaseBytes {
  readonly content?: string;
  readonly base64?: string;
  readonly tar?: readonly ArchiveMember[];
  readonly compression?: "gzip" | "bzip2" | "xz" | "zstd";
}

/** An entry of a build context. */
export interface CaseEntry extends CaseBytes {
  readonly path: string;
  readonly type: "file" | "dir" | "symlink" | "hardlink" | "fifo";
  readonly mode?: string;
  readonly uid?: number;
  readonly gid?: number;
  readonly mtime?: string;
  readonly target?: string;
  readonly xattrs?: Readonly<Record<string, string>>;
}

export type CaseContext =
  | readonly CaseEntry[]
  | { readonly ref: string }
  | { readonly image: { readonly dockerfile: string; readonly context?: readonly CaseEntry[] } };

export interface CaseOptions {
  readonly target?: string;
  readonly buildArgs?: Readonly<Record<string, string>>;
  readonly labels?: Readonly<Record<string, string>>;
  readonly platform?: string;
  readonly dockerfileName?: string;
  readonly dockerfileOutside?: boolean;
  readonly dockerfileEntries?: readonly CaseEntry[];
  readonly buildContexts?: Readonly<Record<string, CaseContext>>;
  readonly rewriteTimestamp?: boolean;
  readonly secrets?: Readonly<Record<string, string | { readonly base64: string }>>;
  /** Ids for which an agent is forwarded. */
  readonly ssh?: readonly string[];
  readonly addHosts?: readonly string[];
  readonly network?: "default" | "none" | "host";
  /** Bytes, as text. */
  readonly shmSize?: string;
  readonly ulimit?: readonly string[];
  readonly allow?: readonly string[];
}

export interface GitCommit {
  readonly entries: readonly CaseEntry[];
  readonly message: string;
  readonly branch?: string;
  readonly tag?: string;
}

export interface ServedFile extends CaseBytes {
  readonly headers?: Readonly<Record<string, string>>;
  readonly status?: number;
}

/** An entry of a file system or of a layer, as BuildKit's image has it. */
export interface ExpectedEntry {
  readonly path: string;
  readonly type?: string;
  readonly mode?: string;
  readonly uid?: number;
  readonly gid?: number;
  readonly size?: number;
  readonly sha256?: string;
  readonly linkname?: string;
  readonly devmajor?: number;
  readonly devminor?: number;
  readonly xattrs?: Readonly<Record<string, string>>;
  /** Only where the case pins it. */
  readonly mtime?: string;
  readonly links?: readonly string[];
  readonly removed?: true;
  /** For people. */
  readonly text?: string;
}

/** What an image is expected to be. */
export interface ExpectedImage {
  readonly base: "busybox" | "scratch";
  readonly architecture: string;
  readonly os: string;
  readonly variant?: string;
  readonly "os.version"?: string;
  readonly author?: string;
  readonly created?: string;
  readonly config: Readonly<Record<string, unknown>>;
  readonly history: readonly Readonly<Record<string, unknown>>[];
  readonly layers: readonly (readonly ExpectedEntry[])[];
  readonly rootfs: readonly ExpectedEntry[];
}

export type Expected =
  | ({ readonly result: "ok" } & ExpectedImage)
  | { readonly result: "ok"; readonly platforms: readonly ExpectedImage[] }
  | { readonly result: "error"; readonly message: string; readonly line?: number };

export interface ConformanceCase {
  readonly group: string;
  /** `group/name`. */
  readonly id: string;
  /** `undefined` where the case is about a missing file. */
  readonly dockerfile: Buffer | undefined;
  readonly description: string;
  readonly context: readonly CaseEntry[];
  readonly options: CaseOptions;
  readonly requires: readonly string[];
  readonly http: { readonly files: Readonly<Record<string, ServedFile>> } | undefined;
  readonly git: Readonly<Record<string, { readonly commits: readonly GitCommit[] }>> | undefined;
  /** Says why BuildKit's answer is a defect. */
  readonly quirk: string | undefined;
  readonly expected: Expected;
}

const FIXTURES = new URL("../fixtures/conformance/", import.meta.url);

/** The names of the groups, sorted. */
export function caseGroups(fixtures: URL = FIXTURES): string[] {
  const files = readdirSync(fileURLToPath(new URL("cases/", fixtures)));
  return files.flatMap((file) => (file.endsWith(".jsonl") ? file.slice(0, -".jsonl".length) : [])).sort();
}

/** The cases of a group, in their order. */
export function loadCases(group: string, fixtures: URL = FIXTURES): ConformanceCase[] {
  const lines = readFileSync(new URL(`cases/${group}.jsonl`, fixtures), "utf8")
    .trimEnd()
    .split("\n");
  return lines.map((line) => {
    const { name, dockerfile, dockerfileBase64, case: given, expected } = JSON.parse(line);
    const text =
      dockerfileBase64 === undefined
        ? dockerfile === undefined
          ? undefined
          : Buffer.from(dockerfile)
        : Buffer.from(dockerfileBase64, "base64");
    return {
      quirk: undefined,
      http: undefined,
      git: undefined,
      ...given,
      group,
      id: `${group}/${name}`,
      dockerfile: text,
      expected,
    };
  });
}

export interface BaseImageFile {
  readonly config: Readonly<Record<string, unknown>>;
  readonly entries: readonly { path: string; type: string; mode?: string; target?: string; content?: string | null }[];
}

/** What the image `busybox` consists of. */
export function loadBaseImage(fixtures: URL = FIXTURES): BaseImageFile {
  return JSON.parse(readFileSync(new URL("base/busybox.json", fixtures), "utf8"));
}
