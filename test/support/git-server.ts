/** Git repositories over smart HTTP on loopback, made from values. Needs git. */
import { execFileSync } from "node:child_process";
import { mkdirSync } from "node:fs";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { answerGit } from "./git-http-backend.js";

export interface GitServer extends AsyncDisposable {
  /** Origin; repositories are below it by their folder's name. */
  readonly url: string;
  /** `METHOD path` and the authorization of each request. */
  readonly requests: { readonly line: string; readonly authorization: string | undefined }[];
}

export interface GitServerOptions {
  /** The Authorization that every request must have. */
  readonly authorization?: string;
  /** Answers in place of git, if it returns true. */
  readonly answer?: (request: IncomingMessage, response: ServerResponse) => boolean;
}

/** Serves the bare repositories in `folder`. */
export async function startGitServer(folder: string, options: GitServerOptions = {}): Promise<GitServer> {
  const requests: GitServer["requests"] = [];
  const server = createServer((request, response) => {
    const { authorization } = request.headers;
    requests.push({ line: `${request.method} ${request.url}`, authorization });
    if (options.answer?.(request, response) === true) return;
    if (options.authorization !== undefined && authorization !== options.authorization) {
      response.writeHead(401, { "www-authenticate": 'Basic realm="git"' }).end();
    } else answerGit(folder, request, response);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    requests,
    async [Symbol.asyncDispose]() {
      const closed = new Promise((resolve) => server.close(resolve));
      server.closeAllConnections();
      await closed;
    },
  };
}

/** An entry of a commit: text, or what else a tree can hold. `null` removes it. */
export type GitEntry =
  | string
  | { readonly executable: string }
  | { readonly link: string }
  | { readonly submodule: string }
  | null;

export interface GitCommit {
  readonly files: Readonly<Record<string, GitEntry>>;
  /** `main`, or the branch of the commit before, unless given. */
  readonly branch?: string;
  /** A lightweight tag. */
  readonly tag?: string;
  /** An annotated tag. */
  readonly annotatedTag?: string;
}

/** Makes the bare repository `name` in `folder`, or adds to it; returns the ids of the commits. */
export function commitTo(folder: string, name: string, commits: readonly GitCommit[], objectFormat = "sha1"): string[] {
  const path = join(folder, name);
  mkdirSync(path, { recursive: true });
  const git = (args: readonly string[], input?: string): string =>
    execFileSync("git", [`--git-dir=${path}`, ...args], {
      encoding: "utf8",
      input: input ?? "",
      env: { ...process.env, GIT_CONFIG_NOSYSTEM: "1", GIT_CONFIG_GLOBAL: "/dev/null" },
      stdio: ["pipe", "pipe", "ignore"],
    }).trim();
  git(["init", "--quiet", "--bare", "--initial-branch=main", `--object-format=${objectFormat}`]);
  const ids: string[] = [];
  let branch = "main";
  for (const commit of commits) {
    branch = commit.branch ?? branch;
    const parent = tip(git, `refs/heads/${branch}`) ?? ids.at(-1);
    git(["fast-import", "--quiet", "--force"], fastImport(commit, branch, parent));
    const id = git(["rev-parse", `refs/heads/${branch}`]);
    ids.push(id);
    if (commit.tag !== undefined) git(["update-ref", `refs/tags/${commit.tag}`, id]);
    if (commit.annotatedTag !== undefined) {
      const identity = ["-c", "user.name=A", "-c", "user.email=a@example.com"];
      git([...identity, "tag", "--force", "-m", "annotated", commit.annotatedTag, id]);
    }
  }
  return ids;
}

function tip(git: (args: readonly string[]) => string, ref: string): string | undefined {
  try {
    return git(["rev-parse", "--verify", "--quiet", ref]);
  } catch {
    return undefined;
  }
}

let seconds = 1_700_000_000;

function fastImport({ files }: GitCommit, branch: string, parent: string | undefined): string {
  const lines = [`commit refs/heads/${branch}`, `committer A <a@example.com> ${seconds++} +0000`, "data 3", "msg"];
  if (parent !== undefined) lines.push(`from ${parent}`);
  for (const [path, entry] of Object.entries(files)) {
    const quoted = JSON.stringify(path);
    if (entry === null) {
      lines.push(`D ${quoted}`);
      continue;
    }
    if (typeof entry === "object" && "submodule" in entry) {
      lines.push(`M 160000 ${entry.submodule} ${quoted}`);
      continue;
    }
    const [mode, text] =
      typeof entry === "string"
        ? ["100644", entry]
        : "executable" in entry
          ? ["100755", entry.executable]
          : ["120000", entry.link];
    lines.push(`M ${mode} inline ${quoted}`, `data ${Buffer.byteLength(text)}`, text);
  }
  return `${lines.join("\n")}\n`;
}

/** The text of a `.gitmodules`. */
export function gitmodules(modules: Readonly<Record<string, string>>): string {
  return Object.entries(modules)
    .map(([path, url]) => `[submodule "${path}"]\n\tpath = ${path}\n\turl = ${url}\n`)
    .join("");
}
