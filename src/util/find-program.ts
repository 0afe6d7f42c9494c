/** Programs of this machine by absolute path: never from a relative entry of PATH, never from folders of a build (P2). */
import { accessSync, constants, realpathSync, statSync } from "node:fs";
import { isAbsolute, join, posix, relative, sep, win32 } from "node:path";

export interface FindProgramOptions {
  /** The value of PATH. */
  readonly searchPath: string;
  /** Folders that hold no programs of ours, whatever PATH says: build contexts. */
  readonly outside: readonly string[];
}

export interface FoundProgram {
  /** Absolute. */
  readonly path: string;
  /** The entries of PATH that may be searched, joined again: for what the program starts itself. */
  readonly searchPath: string;
}

const IS_WINDOWS = process.platform === "win32";
const DELIMITER = IS_WINDOWS ? win32.delimiter : posix.delimiter;

/** Finds the program `name`; `undefined` when no trustworthy folder of PATH has it. */
export function findProgram(name: string, options: FindProgramOptions): FoundProgram | undefined {
  const outside = options.outside.map(resolved);
  const folders = options.searchPath
    .split(DELIMITER)
    .filter((folder) => isAbsolute(folder) && !outside.some((root) => contains(root, resolved(folder))));
  const file = IS_WINDOWS ? `${name}.exe` : name;
  for (const folder of folders) {
    const path = join(folder, file);
    if (isExecutable(path) && !outside.some((root) => contains(root, resolved(path)))) {
      return { path, searchPath: folders.join(DELIMITER) };
    }
  }
  return undefined;
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return statSync(path).isFile();
  } catch {
    return false;
  }
}

function resolved(path: string): string {
  try {
    return realpathSync(path);
  } catch {
    return path;
  }
}

function contains(folder: string, path: string): boolean {
  const way = relative(folder, path);
  return way === "" || (way !== ".." && !way.startsWith(`..${sep}`) && !isAbsolute(way));
}
