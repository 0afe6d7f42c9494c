/** The times of a build: now, or an epoch that makes it reproducible. @spec https://reproducible-builds.org/specs/source-date-epoch/ */
import { execFileSync } from "node:child_process";
import type { TimePolicy } from "../layers/times.js";
import { findProgram } from "../util/find-program.js";

/** 1980-01-01: the first time that every archive format knows. */
const DEFAULT_EPOCH = 315532800;

export interface SourceDateOptions {
  readonly reproducible: boolean;
  /** SOURCE_DATE_EPOCH, as option or build argument. */
  readonly epochSeconds: number | undefined;
  /** An output asked for `rewrite-timestamp`. */
  readonly clampFiles: boolean;
  /** Of the build context, when it is a folder. */
  readonly contextRoot: string | undefined;
  /** Of the commit that the build context is, when it comes from a repository. */
  readonly contextSeconds: number | undefined;
  /** The value of PATH: where git is looked for. */
  readonly searchPath: string;
  readonly nowSeconds: number;
}

/** Decides which times go into layers and config. */
export function timePolicy(options: SourceDateOptions): TimePolicy {
  const { reproducible, clampFiles, contextRoot, contextSeconds, searchPath, nowSeconds } = options;
  const commit = (): number | undefined =>
    contextRoot === undefined ? contextSeconds : commitTime(contextRoot, searchPath);
  const epochSeconds = options.epochSeconds ?? (reproducible ? (commit() ?? DEFAULT_EPOCH) : undefined);
  const files = reproducible ? "set" : clampFiles && epochSeconds !== undefined ? "clamp" : "keep";
  return { nowSeconds, files, epochSeconds };
}

/** When the commit was made that is checked out in `folder`; `undefined` outside of git repositories or without git. */
function commitTime(folder: string, searchPath: string): number | undefined {
  const git = findProgram("git", { searchPath, outside: [folder] });
  if (git === undefined) return undefined;
  try {
    // Nothing that the repository configures may run a program.
    const guards = ["-c", "core.fsmonitor=false", "-c", "core.hooksPath=/dev/null", "-c", "log.showSignature=false"];
    const output = execFileSync(git.path, [...guards, "-C", folder, "log", "-1", "--format=%ct"], {
      encoding: "utf8",
      stdio: ["ignore", "pipe", "ignore"],
      timeout: 10_000,
    });
    const seconds = Number(output.trim());
    return output.trim() !== "" && Number.isSafeInteger(seconds) ? seconds : undefined;
  } catch {
    return undefined;
  }
}
