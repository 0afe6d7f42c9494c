/** Files with credentials, docker's `config.json` and podman's `auth.json`: where they are, how they are read and changed. */

import { randomUUID } from "node:crypto";
import { chmod, chown, lstat, mkdir, readFile, readlink, rename, rm, stat, writeFile } from "node:fs/promises";
import { basename, dirname, join, resolve } from "node:path";
import { OcibuildError } from "../errors.js";
import { editJson } from "./edit-json.js";
import type { DockerConfig } from "./schemas.js";

/** A file with credentials and whose words it speaks: docker's knows hosts, podman's (`containers`) also repositories. */
export interface CredentialFile {
  readonly path: string;
  readonly style: "docker" | "containers";
}

const MAX_CONFIG_BYTES = 4 * 1024 * 1024;
const MAX_LINKS = 40;

/** The file at `path`; its name says which program's it is. */
export function credentialFile(path: string): CredentialFile {
  return { path, style: basename(path) === "auth.json" ? "containers" : "docker" };
}

/**
 * What the file says of credentials; nothing when it is not there or empty.
 * @throws REGISTRY_CREDENTIALS when it is there and cannot be used
 */
export async function readCredentialFile(path: string): Promise<DockerConfig> {
  return parseCredentialFile(path, await readText(path));
}

/**
 * Sets members of the file, each given by its path (`undefined` removes it), and leaves everything else as it is. The file
 * is replaced at once, is readable by its owner only, and keeps its owner; a link stays one and its target is replaced.
 * @throws REGISTRY_CREDENTIALS when it is there and cannot be read or written
 */
export async function changeCredentialFile(
  path: string,
  changes: readonly (readonly [path: readonly [string, ...string[]], value: unknown])[],
): Promise<void> {
  const target = await linkTarget(path);
  const before = await readText(target);
  await parseCredentialFile(target, before);
  const start = before.trim() === "" ? "{}\n" : before;
  const text = changes.reduce((edited, [member, value]) => editJson(edited, member, value), start);
  if (text === before) return;
  const temporary = join(dirname(target), `.${basename(target)}.${randomUUID()}.tmp`);
  try {
    await mkdir(dirname(target), { recursive: true, mode: 0o700 });
    await writeFile(temporary, text, { flag: "wx", mode: 0o600, flush: true });
    await chmod(temporary, 0o600);
    const owner = await stat(target).catch(() => undefined);
    // Only root may give files away; everybody else owns what was there before.
    if (owner !== undefined) await chown(temporary, owner.uid, owner.gid).catch(() => {});
    await rename(temporary, target);
  } catch (error) {
    await rm(temporary, { force: true }).catch(() => {});
    throw unusable(path, "it cannot be written", error);
  }
}

/** The file that a chain of links ends in, whether or not it is there. */
async function linkTarget(path: string): Promise<string> {
  let target = resolve(path);
  for (let links = 0; links < MAX_LINKS; links++) {
    const found = await lstat(target).catch(() => undefined);
    if (found?.isSymbolicLink() !== true) return target;
    target = resolve(dirname(target), await readlink(target));
  }
  throw unusable(path, "its links never end");
}

async function readText(path: string): Promise<string> {
  try {
    const { size } = await stat(path);
    if (size > MAX_CONFIG_BYTES) throw unusable(path, `it is larger than ${MAX_CONFIG_BYTES} bytes`);
    return await readFile(path, "utf8");
  } catch (error) {
    if (error instanceof OcibuildError) throw error;
    const code = (error as NodeJS.ErrnoException).code;
    if (code === "ENOENT" || code === "ENOTDIR") return "";
    throw unusable(path, "it cannot be read", error);
  }
}

/**
 * What such a file's text says; `path` is its name in errors.
 * @throws REGISTRY_CREDENTIALS
 */
export async function parseCredentialFile(path: string, text: string): Promise<DockerConfig> {
  if (text.trim() === "") return {};
  let data: unknown;
  try {
    data = JSON.parse(text);
  } catch {
    // The parser's message quotes the text, which holds secrets.
    throw unusable(path, "it is not JSON");
  }
  const { DockerConfigSchema } = await import("./schemas.js");
  const config = DockerConfigSchema.safeParse(data);
  if (config.success) return config.data;
  const issue = config.error.issues[0];
  throw unusable(path, `"${issue?.path.join(".") ?? ""}" is not what was expected`);
}

/** The error for a file that cannot be used. */
export function unusable(path: string, why: string, cause?: unknown): OcibuildError {
  return new OcibuildError("REGISTRY_CREDENTIALS", `Docker's configuration "${path}" cannot be used: ${why}`, {
    details: { host: "" },
    hint: "Repair the file, or point DOCKER_CONFIG to another folder.",
    ...(cause === undefined ? {} : { cause }),
  });
}
