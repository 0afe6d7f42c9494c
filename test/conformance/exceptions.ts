/**
 * Where we differ from BuildKit and why: case → the aspects that disagree and the reason. The tests fail for a difference
 * that is not here, and for one that is here and gone.
 */
import type { Disagreement } from "./compare.js";

export interface Exception {
  readonly aspects: readonly Disagreement["aspect"][];
  readonly reason: string;
}

const lineOfDirective: Exception = {
  aspects: ["line"],
  reason: "BuildKit counts lines from zero here: the directive that comes twice is on the line we say",
};

export const EXCEPTIONS: ReadonlyMap<string, Exception> = new Map([
  [
    "add/http-checksum-sha512",
    {
      aspects: ["result"],
      reason: "BuildKit compares the sha512 with a sha256 and so refuses every file: we check it as it is meant",
    },
  ],
  [
    "contexts/local-as-base",
    { aspects: ["history"], reason: "BuildKit has no line for the folder's layer and invents the last one instead" },
  ],
  [
    "copy/mtime-far-future",
    { aspects: ["rootfs", "layers"], reason: "the time of 2300 overflowed on the builder's disk; layers can hold it" },
  ],
  [
    "copy/same-size-and-fraction-time",
    { aspects: ["rootfs", "layers"], reason: "BuildKit takes files of one size and time for equal; we read them" },
  ],
  ["errors/directive-duplicate-check", lineOfDirective],
  ["errors/directive-duplicate-syntax", lineOfDirective],
  ["parser/escape-twice", lineOfDirective],
  ["run/shell-empty", { aspects: ["result"], reason: "RUN needs an executor" }],
]);

/** Messages that say at least as much as BuildKit's in other words: case → what of ours says it. */
export const REWORDED: ReadonlyMap<string, string> = new Map([
  ["add/tar-truncated", '"t.tar" in the build context cannot be unpacked: tar archive ends within a file'],
  ["contexts/dockerfile-is-dir", 'expected a Dockerfile at "Dockerfile", but got a dir'],
  ["contexts/dockerfile-missing", 'expected a Dockerfile at "Dockerfile", but got there is nothing'],
  ["contexts/dockerfile-name-missing", 'other", but got there is nothing'],
  ["copy/exclude-bad-pattern", 'the pattern "[" is malformed: a "[" starts a class that is empty or has no end'],
  ["copy/glob-bad-pattern", 'the pattern "a[" is malformed: a "[" starts a class that is empty or has no end'],
  ["copy/symlink-loop-source", '"l1" in the build context leads through more than 255 symbolic links'],
  ["dockerignore/bang-alone", '.dockerignore line 1 has no valid pattern: the pattern "!" is malformed'],
  ["dockerignore/malformed", '.dockerignore line 1 has no valid pattern: the pattern "[" is malformed'],
  [
    "dockerignore/trailing-backslash",
    '.dockerignore line 1 has no valid pattern: the pattern "a.txt\\\\" is malformed',
  ],
  ["epoch/bad", 'SOURCE_DATE_EPOCH expected whole seconds since 1970 but got "yesterday"'],
  ["errors/json-copy-unterminated", 'the pattern "[a," is malformed: a "[" starts a class that is empty or has no end'],
  ["from/platform-bad", 'platform "what/ever/is/this" is not valid: expected at most three parts'],
  ["from/platform-bad-option", 'platform "!!" is not valid: "!!" is an invalid OS component'],
  ["from/platform-unknown-os", 'platform "nonsense" is not valid: unknown operating system or architecture'],
  ["run/exec-empty", "RUN names no command: arguments are required"],
]);
