/** The times of a build: now, or an epoch that makes it reproducible. @spec https://reproducible-builds.org/specs/source-date-epoch/ */
import { execFileSync } from "node:child_process";
import type { TimePolicy } from "../layers/times.js";

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
  readonly nowSeconds: number;
}

/** Decides which times go into layers and config. */
export function timePolicy(options: SourceDateOptions): TimePolicy {
  const { reproducible, clampFiles, contextRoot, nowSeconds } = options;
  const commit = (): number | undefined => (contextRoot === undefined ? undefined : commitTime(contextRoot));
  const epochSeconds = options.epochSeconds ?? (reproducible ? (commit() ?? DEFAULT_EPOCH) : undefined);
  const files = reproducible ? "set" : clampFiles && epochSeconds !== undefined ? "clamp" : "keep";
  return { nowSeconds, files, epochSeconds };
}

/** When the commit was made that is checked out in `folder`; `undefined` outside of git repositories or without git. */
function commitTime(folder: string): number | undefined {
  try {
    // Nothing that the repository configures may run a program.
    const guards = ["-c", "core.fsmonitor=false", "-c", "core.hooksPath=/dev/null", "-c", "log.showSignature=false"];
    const output = execFileSync("git", [...guards, "-C", folder, "log", "-1", "--format=%ct"], {
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
