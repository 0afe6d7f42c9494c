/** Files as a container sees them, for comparison with what a test expects. */
import { createHash } from "node:crypto";

/** One file system node; files have a digest, symbolic links a target. */
export interface ContainerFile {
  readonly type: "file" | "dir" | "symlink";
  /** Octal digits, without those of the type. */
  readonly mode: string;
  /** `uid:gid`. */
  readonly owner: string;
  /** Whole seconds since 1970. */
  readonly mtime?: number;
  /** sha256 of the content in hex. */
  readonly content?: string;
  readonly target?: string;
}

/** What `listing` prints, for the arguments of `sh -c` in an image with busybox. Names must not hold line ends. */
export function listingScript(...roots: readonly string[]): string {
  const from = roots.join(" ");
  return [
    `find ${from} -exec stat -c '%F|%a|%u:%g|%Y|%n' {} +`,
    "echo ==",
    `find ${from} -type f -exec sha256sum {} +`,
    "echo ==",
    `find ${from} -type l -exec sh -c 'for f; do echo "$f|$(readlink "$f")"; done' sh {} +`,
  ].join("; ");
}

/** The output of `listingScript` as path → node. */
export function parseListing(text: string): Map<string, ContainerFile> {
  const [stats = "", sums = "", links = ""] = text.split(/^==\n/m);
  const contents = new Map(lines(sums).map((line) => [line.slice(66), line.slice(0, 64)]));
  const targets = new Map(lines(links).map((line) => line.split("|") as [string, string]));
  const files = new Map<string, ContainerFile>();
  for (const line of lines(stats)) {
    const [kind, mode, owner, mtime, ...name] = line.split("|");
    const path = name.join("|");
    const target = targets.get(path);
    const type = kind === "directory" ? "dir" : kind === "symbolic link" ? "symlink" : "file";
    files.set(path, {
      type,
      mode: type === "symlink" ? "777" : mode!,
      owner: owner!,
      ...(type === "file" ? { content: contents.get(path)! } : {}),
      ...(target === undefined ? {} : { target }),
      mtime: Number(mtime),
    });
  }
  return files;
}

/** Digest as `ContainerFile.content` has it. */
export function contentDigest(content: string | Uint8Array): string {
  return createHash("sha256").update(content).digest("hex");
}

/**
 * Differences between `expected` and `actual`, at most twenty of them, as lines; times are compared where they are
 * expected.
 */
export function differences(
  expected: ReadonlyMap<string, ContainerFile>,
  actual: ReadonlyMap<string, ContainerFile>,
): string[] {
  const found: string[] = [];
  for (const [path, wanted] of expected) {
    const got = actual.get(path);
    if (got === undefined) found.push(`- ${path}`);
    else if (show(got, wanted) !== show(wanted, wanted)) {
      found.push(`! ${path}: expected ${show(wanted, wanted)} but got ${show(got, wanted)}`);
    }
  }
  for (const path of actual.keys()) if (!expected.has(path)) found.push(`+ ${path}`);
  return found.slice(0, 20);
}

function show(file: ContainerFile, like: ContainerFile): string {
  const { type, mode, owner, content, target, mtime } = file;
  const parts = [type, mode, owner, content?.slice(0, 12), target];
  return [...parts, like.mtime === undefined ? undefined : mtime].filter((part) => part !== undefined).join(" ");
}

function lines(text: string): string[] {
  return text.split("\n").filter((line) => line !== "");
}
