/** Configuration files about registries: found, read, and what is wrong with them said with their names. */
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { OcibuildError } from "../errors.js";

const MAX_FILE_BYTES = 4 * 1024 * 1024;

/**
 * The text of a file; `undefined` when it is not there.
 * @throws OPTIONS_INVALID when it cannot be read
 */
export async function readConfigFile(path: string): Promise<string | undefined> {
  try {
    const bytes = await readFile(path);
    if (bytes.length > MAX_FILE_BYTES) throw invalidFile(path, `it is larger than ${MAX_FILE_BYTES} bytes`);
    return bytes.toString("utf8");
  } catch (error) {
    if (error instanceof OcibuildError) throw error;
    if (isMissing(error)) return undefined;
    throw invalidFile(path, "it cannot be read", error);
  }
}

/**
 * Paths of the files in a folder whose names end with one of `endings`, in lexical order; none when there is no folder, or
 * with `passOverForbidden` one that may not be read.
 * @throws OPTIONS_INVALID when it cannot be read
 */
export async function listConfigFiles(
  folder: string,
  endings: readonly string[],
  { passOverForbidden = false }: { readonly passOverForbidden?: boolean } = {},
): Promise<readonly string[]> {
  try {
    const names = (await readdir(folder)).filter((name) => endings.some((ending) => name.endsWith(ending)));
    return names.sort().map((name) => join(folder, name));
  } catch (error) {
    const isForbidden = (error as NodeJS.ErrnoException).code === "EACCES";
    if (isMissing(error) || (passOverForbidden && isForbidden)) return [];
    throw invalidFile(folder, "it cannot be read", error);
  }
}

/** The error for a file that is there and cannot be used. */
export function invalidFile(path: string, why: string, cause?: unknown): OcibuildError<"OPTIONS_INVALID"> {
  return new OcibuildError("OPTIONS_INVALID", `configuration "${path}" cannot be used: ${why}`, {
    details: { option: path },
    ...(cause === undefined ? {} : { cause }),
  });
}

function isMissing(error: unknown): boolean {
  const { code } = error as NodeJS.ErrnoException;
  return code === "ENOENT" || code === "ENOTDIR";
}
