/**
 * What a build will do, as plain JSON: every variable expanded, unreachable stages gone, base images pinned.
 *
 * A pure function of the Dockerfile text, the options and the base images' configs; printing it (`ocibuild plan`)
 * needs no layer and no executor.
 */
import type { Diagnostic, Span } from "../errors.js";
import type { ExecutionConfig, Image, Platform } from "../oci/types.js";

/** `<index>@<platform>`, for example `0@linux/amd64`; unique in a plan. */
export type StageId = string;

export interface BuildPlan {
  readonly version: 1;
  /** A stage stands after all stages that it reads. */
  readonly stages: readonly PlannedStage[];
  /** One for each platform asked for, in that order. */
  readonly targets: readonly { readonly platform: Platform; readonly stage: StageId }[];
  /** What the plan has to say and can live with. */
  readonly warnings: readonly Diagnostic[];
}

export interface PlannedStage {
  readonly id: StageId;
  readonly index: number;
  readonly name: string | undefined;
  /** What the result is for (TARGETPLATFORM, or what FROM --platform says). */
  readonly platform: Platform;
  readonly base: PlannedBase;
  readonly steps: readonly Step[];
  /** The config of the result, base config and all steps applied. */
  readonly config: PlannedConfig;
}

export type PlannedBase =
  | { readonly kind: "scratch" }
  | { readonly kind: "stage"; readonly stage: StageId }
  | { readonly kind: "image"; readonly reference: string; readonly image: Image };

/** The parts of an image config that instructions decide; `rootfs` and `history` come from running the plan. */
export interface PlannedConfig extends Platform {
  readonly author?: string;
  readonly config: ExecutionConfig;
}

/** What a step's files are taken from. */
export type FileSource =
  | { readonly kind: "context" }
  | { readonly kind: "named-context"; readonly name: string }
  | { readonly kind: "scratch" }
  | { readonly kind: "stage"; readonly stage: StageId }
  | { readonly kind: "image"; readonly reference: string; readonly image: Image };

interface StepBase<K extends string> {
  readonly kind: K;
  /** In the Dockerfile; of the FROM for ONBUILD triggers. */
  readonly span: Span;
  /** The history line (`created_by`) without the `# buildkit` marker, and what progress shows. */
  readonly createdBy: string;
}

/** Only changes the config (ENV, LABEL, CMD, …): an `empty_layer` line in the history. */
export interface ConfigStep extends StepBase<"config"> {}

/** WORKDIR: makes the directory (0755) and its parents where they are missing. */
export interface WorkdirStep extends StepBase<"workdir"> {
  /** Absolute and clean. */
  readonly path: string;
  /** USER in force (`name[:group]` or ids), owner of what is made; empty for root. */
  readonly user: string;
}

/** COPY and ADD. */
export interface CopyStep extends StepBase<"copy"> {
  readonly instruction: "COPY" | "ADD";
  readonly from: FileSource;
  /** In the order they are written. */
  readonly sources: readonly CopySource[];
  /** Absolute (WORKDIR applied); a trailing slash is kept, it means "a directory". */
  readonly destination: string;
  /** `user[:group]`, names or numbers, as expanded. */
  readonly chown: string | undefined;
  /** Octal or symbolic, as expanded. */
  readonly chmod: string | undefined;
  readonly link: boolean;
  readonly parents: boolean;
  readonly exclude: readonly string[];
}

export type CopySource =
  /** A path or Go-style pattern relative to the source's root. */
  | { readonly kind: "path"; readonly pattern: string; readonly unpack: boolean }
  | { readonly kind: "inline"; readonly name: string; readonly content: string }
  | {
      readonly kind: "http";
      readonly url: string;
      readonly checksum: string | undefined;
      readonly unpack: boolean;
    }
  | {
      readonly kind: "git";
      readonly url: string;
      readonly keepGitDir: boolean;
      readonly checksum: string | undefined;
    };

/** RUN: what an executor is given. */
export interface RunStep extends StepBase<"run"> {
  readonly args: readonly string[];
  /** Sorted `NAME=value`: the config's Env, then build args in scope. */
  readonly env: readonly string[];
  readonly cwd: string;
  /** `name[:group]` or ids; empty for root. */
  readonly user: string;
  /** Heredoc files to be put in place for the command. */
  readonly files: readonly { readonly path: string; readonly content: string }[];
  readonly mounts: readonly PlannedMount[];
  readonly network: "default" | "none" | "host";
  readonly security: "sandbox" | "insecure";
  readonly devices: readonly string[];
}

export type PlannedMount =
  | {
      readonly type: "bind";
      readonly from: FileSource;
      readonly source: string;
      readonly target: string;
      readonly readOnly: boolean;
    }
  | {
      readonly type: "cache";
      readonly id: string;
      readonly from: FileSource;
      readonly source: string;
      readonly target: string;
      readonly readOnly: boolean;
      readonly sharing: "shared" | "private" | "locked";
      readonly mode: number;
      readonly uid: number;
      readonly gid: number;
    }
  | { readonly type: "tmpfs"; readonly target: string; readonly sizeBytes: number | undefined }
  | {
      readonly type: "secret";
      readonly id: string;
      readonly target: string | undefined;
      readonly env: string | undefined;
      readonly required: boolean;
      readonly mode: number;
      readonly uid: number;
      readonly gid: number;
    }
  | {
      readonly type: "ssh";
      readonly id: string;
      readonly target: string | undefined;
      readonly required: boolean;
      readonly mode: number;
      readonly uid: number;
      readonly gid: number;
    };

export type Step = ConfigStep | WorkdirStep | CopyStep | RunStep;
