/**
 * Paths inside images as Dockerfiles write them: WORKDIR and destinations. For Windows images backslashes are
 * separators and a drive letter must be `C:`; for all others a backslash is a character like any other.
 */
import { posix } from "node:path";
import type { Platform } from "../oci/types.js";

/** Why a path cannot be used. */
export interface PathProblem {
  readonly problem: string;
}

/** True for a path that does not depend on the working directory. On Windows a drive letter alone does not make one. */
export function isAbsolute(path: string, { os }: Platform): boolean {
  const withoutLetter = os === "windows" ? path.replace(/^[A-Za-z]:(?=[\\/])/, "") : path;
  return slashes(withoutLetter, os).startsWith("/");
}

/** WORKDIR `path` after `current`, spelled as the config wants it. An absolute path stays as it was written. */
export function joinWorkdir(current: string, path: string, { os }: Platform): string | PathProblem {
  const joined = resolve(current, path, os);
  return typeof joined !== "string" || os !== "windows" ? joined : joined.replaceAll("/", "\\");
}

/** `path` with `/` and clean, to be used as a path in a layer. */
export function cleanAbsolute(path: string, { os }: Platform): string {
  const clean = posix.normalize(`/${slashes(path, os)}`);
  return clean.length > 1 && clean.endsWith("/") ? clean.slice(0, -1) : clean;
}

/** The destination of COPY and ADD: absolute and clean, with a trailing slash where a directory is meant. */
export function resolveDestination(workdir: string, path: string, { os }: Platform): string | PathProblem {
  const relative = withoutDrive(path, os);
  if (typeof relative !== "string") return relative;
  const isDirectory = relative === "" || relative === "." || relative.endsWith("/") || relative.endsWith("/.");
  const joined = posix.isAbsolute(relative) ? relative : `${slashes(workdir, os)}/${relative}`;
  const clean = posix.normalize(`/${joined}`).replace(/\/$/, "");
  return isDirectory ? `${clean}/` : clean === "" ? "/" : clean;
}

/** A source of COPY and ADD with `/` as separator and without drive letter. */
export function sourcePattern(path: string, { os }: Platform): string | PathProblem {
  return withoutDrive(path, os);
}

function resolve(parent: string, path: string, os: string): string | PathProblem {
  const base = withoutDrive(parent === "" ? "/" : parent, os);
  if (typeof base !== "string") return base;
  const absoluteBase = posix.isAbsolute(base) ? base : trimSlash(posix.join("/", base));
  if (path === "") return absoluteBase;
  const relative = withoutDrive(path, os);
  if (typeof relative !== "string") return relative;
  return posix.isAbsolute(relative) ? relative : trimSlash(posix.join(absoluteBase, relative));
}

function withoutDrive(path: string, os: string): string | PathProblem {
  if (os !== "windows") return path;
  if (path.length === 2 && path[1] === ":") return { problem: `No relative path specified in "${path}"` };
  const text = slashes(path, os);
  if (text.startsWith("//")) return { problem: "UNC paths are not supported" };
  const colon = text.indexOf(":");
  if (colon !== -1 && text.slice(0, colon).toLowerCase() !== "c") {
    return { problem: "The specified path is not on the system drive (C:)" };
  }
  const clean = posix.normalize(text.slice(colon + 1));
  return text.endsWith("/") && !clean.endsWith("/") ? `${clean}/` : clean;
}

function slashes(path: string, os: string): string {
  return os === "windows" ? path.replaceAll("\\", "/") : path;
}

function trimSlash(path: string): string {
  return path.length > 1 && path.endsWith("/") ? path.slice(0, -1) : path;
}
