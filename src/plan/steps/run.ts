/** RUN: what an executor is given. */
import type { JsonObject } from "../../util/canonical-json.js";
import { type FileSource, projectFileSource } from "../file-source.js";
import type { StepBase } from "./step-base.js";

export interface RunStep extends StepBase<"run"> {
  readonly args: readonly string[];
  /** Sorted `NAME=value`: the config's Env and the build args in scope. */
  readonly env: readonly string[];
  /** Names of the build args in `env`, for explaining; not part of the cache key. */
  readonly buildArgs: readonly string[];
  /** `http_proxy` and its like from the build args: given to the command, not part of the cache key. Sorted. */
  readonly proxyEnv: readonly string[];
  /** Absolute and clean. */
  readonly cwd: string;
  /** `name[:group]` or ids; empty for root. */
  readonly user: string;
  /** Heredoc programs (mode 0755, root's) to be put in place, outside the layer, for the command. */
  readonly files: readonly { readonly path: string; readonly content: string }[];
  /** In the order they are written. */
  readonly mounts: readonly PlannedMount[];
  readonly network: "default" | "none" | "host";
  readonly security: "sandbox" | "insecure";
}

/** `target` is absolute and clean everywhere. */
export type PlannedMount =
  | {
      readonly type: "bind";
      readonly from: FileSource;
      /** Path in `from`; absolute and clean. */
      readonly source: string;
      readonly target: string;
      /** When false, the command may write, and what it writes is dropped. */
      readonly readOnly: boolean;
    }
  | {
      readonly type: "cache";
      readonly id: string;
      /** What a cache that does not exist yet starts with. */
      readonly from: FileSource;
      readonly source: string;
      readonly target: string;
      readonly readOnly: boolean;
      readonly sharing: "shared" | "private" | "locked";
      /** Of the top directory of a new cache. */
      readonly mode: number;
      readonly uid: number;
      readonly gid: number;
    }
  | { readonly type: "tmpfs"; readonly target: string; readonly sizeBytes: number | undefined }
  | {
      readonly type: "secret";
      readonly id: string;
      /** `undefined` when the secret is wanted as a variable only. */
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
      /** Where the socket is; `undefined` leaves the place to the executor. */
      readonly target: string | undefined;
      readonly required: boolean;
      readonly mode: number;
      readonly uid: number;
      readonly gid: number;
    };

/**
 * Cache projection. Left out because they must not matter: the secrets' values (which are not here at all), which
 * cache a cache mount is, the proxy variables, and which variables are build args.
 */
export function projection(step: RunStep): JsonObject {
  return {
    args: step.args,
    env: step.env,
    cwd: step.cwd,
    user: step.user,
    files: step.files.map(({ path, content }) => ({ path, content })),
    mounts: step.mounts.map(projectMount),
    network: step.network,
    security: step.security,
  };
}

function projectMount(mount: PlannedMount): JsonObject {
  switch (mount.type) {
    case "bind":
      return { ...mount, from: projectFileSource(mount.from) };
    case "cache": {
      const { id: _, ...rest } = mount;
      return { ...rest, from: projectFileSource(mount.from) };
    }
    case "tmpfs":
      return { type: "tmpfs", target: mount.target, sizeBytes: mount.sizeBytes ?? null };
    case "secret":
      return { ...mount, target: mount.target ?? null, env: mount.env ?? null };
    case "ssh":
      return { ...mount, target: mount.target ?? null };
    default:
      return mount satisfies never;
  }
}

/** The history line: `RUN |2 A=1 B=2 /bin/sh -c …`, build args first. */
export function runHistory(args: readonly string[], buildArgs: ReadonlyMap<string, string>): string {
  const given = [...buildArgs].map(([name, value]) => `${name}=${value}`);
  return ["RUN", ...(given.length === 0 ? [] : [`|${given.length}`, ...given]), ...args].join(" ");
}
