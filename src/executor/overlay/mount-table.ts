/** The mounts that this process sees (proc(5), mountinfo). */
import { readFileSync } from "node:fs";

export interface Mount {
  readonly point: string;
  /** Its options, not those of the file system. */
  readonly flags: readonly string[];
  readonly type: string;
}

/** In the order they were made. */
export function readMounts(): readonly Mount[] {
  return readFileSync("/proc/self/mountinfo", "utf8")
    .split("\n")
    .flatMap((line) => {
      const [, , , , point, flags] = line.split(" ");
      const type = / - (\S+) /.exec(line)?.[1];
      if (point === undefined || flags === undefined || type === undefined) return [];
      return { point: unescaped(point), flags: flags.split(","), type };
    });
}

function unescaped(written: string): string {
  return written.replace(/\\([0-7]{3})/g, (_, digits: string) => String.fromCharCode(Number.parseInt(digits, 8)));
}
