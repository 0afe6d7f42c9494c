/** A web server for one case: its files, and its git repositories over smart HTTP. */
import { spawnSync } from "node:child_process";
import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { answerGit } from "../support/git-http-backend.js";
import { haveTool } from "../support/tools.js";
import { caseBytes, MissingRequirement } from "./bytes.js";
import type { ConformanceCase, GitCommit } from "./cases.js";

export interface CaseServer extends AsyncDisposable {
  /** Placeholder → value. */
  readonly values: ReadonlyMap<string, string>;
}

/** Serves what `conformanceCase` needs; repositories are made below `folder`. */
export async function serveCase(conformanceCase: ConformanceCase, folder: string): Promise<CaseServer> {
  const values = new Map<string, string>();
  const repositories = Object.entries(conformanceCase.git ?? {});
  for (const [name, { commits }] of repositories) {
    const ids = makeRepository(join(folder, name), commits);
    for (const [at, id] of ids.entries()) values.set(`{{commit:${name}:${at}}}`, id);
  }
  const server = createServer((request, response) => {
    const url = request.url ?? "/";
    if (repositories.some(([name]) => url.startsWith(`/${name}/`))) answerGit(folder, request, response);
    else answerFile(conformanceCase, url, request.method, response);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const host = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  values.set("{{http}}", `http://${host}`).set("{{http-host}}", host);
  return {
    values,
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

function answerFile(
  { http }: ConformanceCase,
  url: string,
  method: string | undefined,
  response: ServerResponse,
): void {
  const file = new Map(Object.entries(http?.files ?? {})).get(decodeURIComponent(url));
  const body = file === undefined ? Buffer.from("not found\n") : caseBytes(file);
  response.writeHead(file === undefined ? 404 : (file.status ?? 200), {
    "content-length": body.length,
    ...file?.headers,
  });
  response.end(method === "HEAD" ? undefined : body);
}

/** Makes a bare repository with `commits`; returns their ids. */
function makeRepository(folder: string, commits: readonly GitCommit[]): string[] {
  if (!haveTool("git")) throw new MissingRequirement("git is not on PATH");
  mkdirSync(folder, { recursive: true });
  git(folder, ["init", "--quiet", "--bare", "--initial-branch=main", "."]);
  const marks = join(folder, "marks");
  git(folder, ["fast-import", "--quiet", `--export-marks=${marks}`], fastImport(commits));
  git(folder, ["config", "uploadpack.allowReachableSHA1InWant", "true"]);
  const ids = new Map<number, string>();
  for (const line of readFileSync(marks, "utf8").trim().split("\n")) {
    const [mark, id] = line.split(" ");
    ids.set(Number(mark!.slice(1)), id!);
  }
  writeFileSync(marks, "");
  return commits.map((_, at) => ids.get(at + 1)!);
}

function fastImport(commits: readonly GitCommit[]): Buffer {
  const parts: (string | Buffer)[] = [];
  const data = (bytes: Buffer): void => void parts.push(`data ${bytes.length}\n`, bytes, "\n");
  let branch = "main";
  for (const [at, commit] of commits.entries()) {
    branch = commit.branch ?? branch;
    parts.push(
      `commit refs/heads/${branch}\nmark :${at + 1}\ncommitter Someone <someone@example.com> ${1_700_000_000 + at} +0000\n`,
    );
    data(Buffer.from(commit.message));
    if (at > 0) parts.push(`from :${at}\n`);
    for (const { path, type, mode, target, ...bytes } of commit.entries) {
      const isExecutable = (Number.parseInt(mode ?? "0644", 8) & 0o100) !== 0;
      parts.push(`M ${type === "symlink" ? "120000" : isExecutable ? "100755" : "100644"} inline ${path}\n`);
      data(type === "symlink" ? Buffer.from(target!) : caseBytes(bytes));
    }
    if (commit.tag !== undefined) parts.push(`reset refs/tags/${commit.tag}\nfrom :${at + 1}\n\n`);
  }
  return Buffer.concat(parts.map((part) => (typeof part === "string" ? Buffer.from(part) : part)));
}

function git(cwd: string, args: readonly string[], input?: Buffer): void {
  const result = spawnSync("git", args, { cwd, input, env: { ...process.env, GIT_CONFIG_NOSYSTEM: "1" } });
  if (result.status !== 0) throw new Error(`git ${args.join(" ")} failed: ${result.stderr}`);
}
