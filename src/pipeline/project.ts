/** Which project a build is of: what is built from where. Explanations compare builds of one project only. */
import { resolve } from "node:path";
import { contextId } from "../cache/key.js";
import { type ContextSource, parseContextSource } from "../context/context-source.js";
import type { OpenedContext } from "../context/open-context.js";
import { hideCredentials } from "../util/hide-credentials.js";

export interface ProjectOptions {
  readonly context: string | ContextSource;
  readonly file?: string;
  readonly dockerfile?: string;
  readonly cwd: string;
}

/** 64 hex digits: equal for builds of the same context with the same Dockerfile, whatever is in them. */
export function projectId(opened: Pick<OpenedContext, "root" | "git">, options: ProjectOptions): string {
  return contextId(JSON.stringify([placeOf(opened, options), dockerfileOf(opened, options)]));
}

function placeOf({ root, git }: Pick<OpenedContext, "root" | "git">, { context, cwd }: ProjectOptions): string[] {
  if (root !== undefined) return ["folder", root];
  // Another branch of a repository is the same project.
  if (git !== undefined) return ["repository", hideCredentials(git.remote), git.subdirectory];
  const source = typeof context === "string" ? parseContextSource(context) : context;
  if (source.kind === "tar") return ["archive", resolve(cwd, source.file)];
  if (source.kind === "http") return ["url", hideCredentials(source.url)];
  return [source.kind, cwd];
}

function dockerfileOf({ root }: Pick<OpenedContext, "root">, { file, dockerfile, cwd }: ProjectOptions): string[] {
  if (dockerfile !== undefined) return ["text"];
  if (root === undefined || file === "-") return ["file", file ?? ""];
  return ["path", file === undefined ? resolve(root, "Dockerfile") : resolve(cwd, file)];
}
