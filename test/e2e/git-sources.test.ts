/** Git repositories as sources of ADD and as contexts, served locally: ordinary ones and hostile ones (threat C12). */
import { execFileSync } from "node:child_process";
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { delimiter, join } from "node:path";
import { describe, expect, onTestFinished, test } from "vitest";
import { dir, type ErrorCode, git, isOcibuildError } from "../../src/index.js";
import { buildChecked, buildOnly, expectNoTemporaryFiles, filesOf, fresh, type TestBuild } from "../support/builds.js";
import { commitTo, type GitServer, gitmodules, startGitServer } from "../support/git-server.js";
import { tempFolder } from "../support/temp-folder.js";
import { requireTool } from "../support/tools.js";

const ready = requireTool("git");

const ADD = "FROM scratch\nARG U\nADD $U /r\n";
const HEX = /^[0-9a-f]{40}$/;

function add(url: string, dockerfile = ADD): ReturnType<typeof fresh> {
  return fresh({ dockerfile, buildArgs: { U: url } });
}

async function failure(options: ReturnType<typeof fresh>, code: ErrorCode = "CONTEXT_FETCH"): Promise<string> {
  const thrown: unknown = await buildOnly(options).then(
    () => "it was built",
    (error: unknown) => error,
  );
  expect(thrown).toSatisfy((error) => isOcibuildError(error, code));
  expectNoTemporaryFiles(options.root);
  return (thrown as Error).message;
}

/** The repository of most tests. */
function ordinary(folder: string): readonly string[] {
  return commitTo(folder, "repo.git", [
    { files: { README: "one\n", "sub/x": { executable: "x\n" }, "sub/l": { link: "x" } }, tag: "v1" },
    { files: { README: "two\n", new: "new\n" }, annotatedTag: "v2" },
    { files: { side: "side\n" }, branch: "side" },
  ]);
}

function fetchCount({ requests }: GitServer): number {
  return requests.filter(({ line }) => line.startsWith("POST")).length;
}

/** The working directory of a test that looks for what git may have done. */
function canary(): string {
  return join(tempFolder(), "canary");
}

describe.runIf(ready)("ADD from git", () => {
  test("takes a branch, a tag, a commit, a folder", async () => {
    const folder = tempFolder();
    const commits = ordinary(folder);
    await using server = await startGitServer(folder);
    const url = `${server.url}/repo.git`;
    const whole = ["/r/ 755 0:0", "/r/README 644 0:0", "/r/sub/ 755 0:0", "/r/sub/l -> x", "/r/sub/x 755 0:0"];
    const two = [...whole.slice(0, 2), "/r/new 644 0:0", ...whole.slice(2)];
    for (const [suffix, expected] of [
      ["", two],
      ["#main", two],
      ["#refs/heads/main", two],
      ["#heads/main", two],
      ["#v1", whole],
      ["#refs/tags/v1", whole],
      ["#tags/v1", whole],
      ["?tag=v1", whole],
      ["#v2", two],
      [`#${commits[0]}`, whole],
      ["#side", [...two.slice(0, 3), "/r/side 644 0:0", ...two.slice(3)]],
      ["#v1:sub", ["/r/ 755 0:0", "/r/l -> x", "/r/x 755 0:0"]],
      ["?ref=v1&subdir=sub", ["/r/ 755 0:0", "/r/l -> x", "/r/x 755 0:0"]],
    ] as const) {
      expect([suffix, await filesOf(await buildChecked(add(`${url}${suffix}`)))]).toEqual([suffix, expected]);
    }
  });

  test("asks for the ref each time, fetches a commit once, and fetches only what is new", async () => {
    const folder = tempFolder();
    commitTo(folder, "repo.git", [{ files: { f: "1", g: "x".repeat(1000) } }]);
    await using server = await startGitServer(folder);
    const options = add(`${server.url}/repo.git`);
    await buildChecked(options);
    const first = fetchCount(server);
    const again = await buildChecked(options);
    expect(again.ran).toEqual([]);
    const asking = fetchCount(server) - first;
    expect(asking).toBeLessThan(first);
    await buildChecked({ ...options, noCache: true });
    expect(fetchCount(server)).toBe(first + 2 * asking);
    commitTo(folder, "repo.git", [{ files: { f: "2" } }]);
    const changed = await buildChecked(options);
    expect(String(await changed.readFile("/r/f"))).toBe("2");
    // The same commit under other names is the same layer.
    const commit = (await buildChecked({ ...options, buildArgs: { U: `${server.url}/repo.git#main` } })).ran;
    expect(commit).toEqual([]);
  });

  test("asks nobody for a commit that is here", async () => {
    const folder = tempFolder();
    const [commit] = ordinary(folder);
    const server = await startGitServer(folder);
    const options = add(`${server.url}/repo.git#${commit}`);
    await buildChecked(options);
    await server[Symbol.asyncDispose]();
    await buildChecked(options);
    await buildChecked({ ...options, noCache: true });
  });

  test("finds a commit that the server does not give by its id", async () => {
    const folder = tempFolder();
    const [commit] = ordinary(folder);
    await using server = await startGitServer(folder, {
      // Version 0 of the protocol, where servers refuse such requests.
      answer: (request) => {
        delete request.headers["git-protocol"];
        return false;
      },
    });
    const built = await buildChecked(add(`${server.url}/repo.git#${commit}`));
    expect(String(await built.readFile("/r/README"))).toBe("one\n");
  });

  test("reads repositories of plain files", async () => {
    const folder = tempFolder();
    ordinary(folder);
    execFileSync("git", ["--git-dir", join(folder, "repo.git"), "update-server-info"]);
    await using server = await startGitServer(folder, {
      answer: (request, response) => {
        const { pathname } = new URL(request.url!, "http://h");
        const path = join(folder, pathname);
        if (request.method !== "GET" || !existsSync(path)) response.writeHead(404).end();
        else response.writeHead(200, { "content-type": "text/plain" }).end(readFileSync(path));
        return true;
      },
    });
    const built = await buildChecked(add(`${server.url}/repo.git#v1`));
    expect(String(await built.readFile("/r/README"))).toBe("one\n");
  });

  test("reads repositories with sha256 ids", async () => {
    const folder = tempFolder();
    const [commit] = commitTo(folder, "repo.git", [{ files: { f: "1" } }], "sha256");
    await using server = await startGitServer(folder);
    expect(commit).toHaveLength(64);
    for (const ref of ["", `#${commit}`]) {
      const built = await buildChecked(add(`${server.url}/repo.git${ref}`));
      expect(String(await built.readFile("/r/f"))).toBe("1");
    }
    const kept = add(`${server.url}/repo.git`, "FROM scratch\nARG U\nADD --keep-git-dir $U /r\n");
    expect(String(await (await buildChecked(kept)).readFile("/r/.git/HEAD"))).toBe(`${commit}\n`);
  });

  test("checks out as a clean git does: line ends and attributes of the repository, not of this machine", async () => {
    const folder = tempFolder();
    commitTo(folder, "repo.git", [
      {
        files: {
          ".gitattributes": "*.bat eol=crlf\n*.id ident\n*.lfs filter=lfs\n",
          "a.bat": "x\ny\n",
          "b.id": "$Id$\n",
          "c.lfs": "pointer\n",
          "d.txt": "x\n",
        },
      },
    ]);
    await using server = await startGitServer(folder);
    const built = await buildChecked(add(`${server.url}/repo.git`));
    expect(String(await built.readFile("/r/a.bat"))).toBe("x\r\ny\r\n");
    expect(String(await built.readFile("/r/b.id"))).toMatch(/^\$Id: [0-9a-f]{40} \$\n$/);
    expect(String(await built.readFile("/r/c.lfs"))).toBe("pointer\n");
    expect(String(await built.readFile("/r/d.txt"))).toBe("x\n");
  });

  test("keeps the git folder when asked to: the commit, its ref, and nothing of this machine", async () => {
    const folder = tempFolder();
    const commits = ordinary(folder);
    await using server = await startGitServer(folder);
    const url = server.url.replace("//", "//user:pw@");
    const options = add(`${url}/repo.git#v1`, "FROM scratch\nARG U\nADD --keep-git-dir $U /r\n");
    const built = await buildChecked(options);
    const names = (await filesOf(built)).map((line) => line.split(" ")[0]!);
    expect(names).toContain("/r/.git/HEAD");
    expect(names.filter((name) => /hooks|FETCH_HEAD|logs/.test(name))).toEqual([]);
    expect(String(await built.readFile("/r/.git/HEAD"))).toBe(`${commits[0]}\n`);
    const config = String(await built.readFile("/r/.git/config"));
    expect(config).toContain(`url = ${server.url}/repo.git`);
    expect(config).not.toContain("pw");
    expect(config).not.toContain(options.root);
    const copy = await written(built);
    const inside = (...args: string[]): string =>
      execFileSync("git", ["-C", copy, ...args], { encoding: "utf8" }).trim();
    expect(inside("status", "--porcelain")).toBe("");
    expect(inside("describe", "--tags")).toBe("v1");
    expect(inside("rev-parse", "HEAD")).toBe(commits[0]);
  });

  test("keeps no git folder of a folder, as BuildKit does", async () => {
    const folder = tempFolder();
    ordinary(folder);
    await using server = await startGitServer(folder);
    const built = await buildChecked(
      add(`${server.url}/repo.git#v1:sub`, "FROM scratch\nARG U\nADD --keep-git-dir $U /r\n"),
    );
    expect((await filesOf(built)).join()).not.toContain(".git");
  });

  test("makes a damaged copy of a repository anew", async () => {
    const folder = tempFolder();
    ordinary(folder);
    await using server = await startGitServer(folder);
    const options = add(`${server.url}/repo.git`);
    await buildChecked(options);
    const [kept] = readdirSync(join(options.root, "git", "v1"));
    rmSync(join(options.root, "git", "v1", kept!, "objects"), { recursive: true });
    const built = await buildChecked({ ...options, noCache: true });
    expect(String(await built.readFile("/r/README"))).toBe("two\n");
  });

  test("several of one repository at once, by several processes' worth of builds", async () => {
    const folder = tempFolder();
    ordinary(folder);
    await using server = await startGitServer(folder);
    const dockerfile = "FROM scratch\nARG U\nADD $U#v1 $U#v2 $U#side $U#v1:sub /r/\n";
    const { root } = fresh({});
    const builds = await Promise.all(
      [1, 2, 3].map(() =>
        buildChecked({ root, dockerfile, buildArgs: { U: `${server.url}/repo.git` }, noCache: true }),
      ),
    );
    for (const built of builds) expect(String(await built.readFile("/r/side"))).toBe("side\n");
    expectNoTemporaryFiles(root);
  });
});

/** The files of the image on disk. */
async function written(built: TestBuild): Promise<string> {
  const folder = tempFolder();
  for await (const { path, type, mode, linkname } of built.files()) {
    const target = join(folder, path);
    if (type === "dir") mkdirSync(target, { recursive: true });
    else if (linkname === undefined) writeFileSync(target, await built.readFile(path), { mode });
    else execFileSync("ln", ["-s", linkname, target]);
  }
  return join(folder, "r");
}

describe.runIf(ready)("checksums and refs", () => {
  test("are compared with what the server says", async () => {
    const folder = tempFolder();
    const commits = ordinary(folder);
    await using server = await startGitServer(folder);
    const url = `${server.url}/repo.git`;
    const withSum = (sum: string, ref: string): ReturnType<typeof fresh> =>
      add(`${url}#${ref}`, `FROM scratch\nARG U\nADD --checksum=${sum} $U /r\n`);
    await buildChecked(withSum(commits[0]!, "v1"));
    await buildChecked(withSum(commits[0]!.slice(0, 7), "v1"));
    await buildChecked(withSum(commits[1]!, "v2"));
    await buildChecked(withSum(commits[0]!.slice(0, 7), commits[0]!));
    expect(await failure(withSum(commits[1]!, "v1"))).toContain(
      `expected checksum to match ${commits[1]}, got ${commits[0]}`,
    );
    expect(await failure(withSum(commits[1]!, commits[0]!))).toContain(`got ${commits[0]}`);
    expect(await failure(withSum(commits[0]!, "v2"))).toMatch(/got [0-9a-f]{40} or [0-9a-f]{40}/);
    expect(await failure(withSum("nothex", "v1"))).toContain("invalid checksum nothex for Git URL");
  });

  test("C12: what is no ref is only not found, whatever it looks like", async () => {
    const folder = tempFolder();
    ordinary(folder);
    await using server = await startGitServer(folder);
    const touched = canary();
    for (const ref of [
      "nope",
      "-x",
      `--upload-pack=touch ${touched}`,
      "HEAD",
      "*",
      "refs/heads/*",
      "main:main",
      "a b",
      "..",
      "@{-1}",
      "v1^{tree}",
    ]) {
      const encoded = encodeURIComponent(ref).replaceAll("%3A", "%253A");
      expect(await failure(add(`${server.url}/repo.git?ref=${encoded}`))).toContain("does not contain ref");
    }
    expect(await failure(add(`${server.url}/repo.git?ref=a%00b`), "CONTEXT_INVALID")).toContain("NUL");
    expect(existsSync(touched)).toBe(false);
  });

  test("an empty repository, one that is not there and one that does not answer are told apart", async () => {
    const folder = tempFolder();
    commitTo(folder, "empty.git", []);
    await using server = await startGitServer(folder);
    expect(await failure(add(`${server.url}/empty.git`))).toContain("could not find default branch");
    expect(await failure(add(`${server.url}/none.git`))).toContain("not found");
    expect(await failure(add("http://127.0.0.1:1/none.git"))).toContain("Failed to connect");
  });
});

describe.runIf(ready)("submodules", () => {
  function withSubmodules(folder: string, url: string): void {
    const [inner] = commitTo(folder, "group/inner.git", [{ files: { deep: "deep\n" } }]);
    const [middle] = commitTo(folder, "group/middle.git", [
      { files: { ".gitmodules": gitmodules({ "in/ner": "../inner.git" }), "in/ner": { submodule: inner! }, m: "m\n" } },
    ]);
    commitTo(folder, "group/repo.git", [
      {
        files: {
          ".gitmodules": gitmodules({ mid: `${url}/group/middle.git`, again: "./../inner.git" }),
          mid: { submodule: middle! },
          again: { submodule: inner! },
        },
      },
    ]);
  }

  test("are added, theirs too, without their git folders", async () => {
    const folder = tempFolder();
    await using server = await startGitServer(folder);
    withSubmodules(folder, server.url);
    const built = await buildChecked(add(`${server.url}/group/repo.git`));
    const expected = [
      "/r/ 755 0:0",
      "/r/.gitmodules 644 0:0",
      "/r/again/ 755 0:0",
      "/r/again/deep 644 0:0",
      "/r/mid/ 755 0:0",
      "/r/mid/.gitmodules 644 0:0",
      "/r/mid/in/ 755 0:0",
      "/r/mid/in/ner/ 755 0:0",
      "/r/mid/in/ner/deep 644 0:0",
      "/r/mid/m 644 0:0",
    ];
    expect(await filesOf(built)).toEqual(expected);
    const sub = await buildChecked(add(`${server.url}/group/repo.git#:mid/in`));
    expect(await filesOf(sub)).toEqual(["/r/ 755 0:0", "/r/ner/ 755 0:0", "/r/ner/deep 644 0:0"]);
    const without = await buildChecked(add(`${server.url}/group/repo.git?submodules=false`));
    expect(await filesOf(without)).toEqual([...expected.slice(0, 3), "/r/mid/ 755 0:0"]);
  });

  test("that .gitmodules does not know are an error, those that it wants left out are left out", async () => {
    const folder = tempFolder();
    const [inner] = commitTo(folder, "inner.git", [{ files: { f: "1" } }]);
    commitTo(folder, "unknown.git", [{ files: { sub: { submodule: inner! } } }]);
    commitTo(folder, "none.git", [
      {
        files: {
          ".gitmodules": `${gitmodules({ sub: "../inner.git" })}\tupdate = none\n`,
          sub: { submodule: inner! },
        },
      },
    ]);
    await using server = await startGitServer(folder);
    expect(await failure(add(`${server.url}/unknown.git`))).toContain('no url found for submodule path "sub"');
    const built = await buildChecked(add(`${server.url}/none.git`));
    expect((await filesOf(built)).at(-1)).toBe("/r/sub/ 755 0:0");
  });

  test.each([
    "ext::sh -c 'touch CANARY'",
    "file:///etc",
    "/etc",
    "-ux",
    "--upload-pack=touch CANARY",
    "fd::17",
    "ssh://-oProxyCommand=touch%20CANARY/x",
    "-oProxyCommand=touch@h:x",
    "git@-oProxyCommand:x",
    "../../../../../../../etc",
    "ftp://h/x",
    "http://h\n/x",
  ])("C12: cannot come from %j", async (url) => {
    const folder = tempFolder();
    const touched = canary();
    const [inner] = commitTo(folder, "inner.git", [{ files: { f: "1" } }]);
    commitTo(folder, "repo.git", [
      {
        files: {
          ".gitmodules": gitmodules({ sub: JSON.stringify(url.replaceAll("CANARY", touched)) }),
          sub: { submodule: inner! },
        },
      },
    ]);
    await using server = await startGitServer(folder);
    const thrown: unknown = await buildOnly(add(`${server.url}/repo.git`)).catch((error: unknown) => error);
    expect(thrown).toSatisfy((error) => isOcibuildError(error));
    expect(existsSync(touched)).toBe(false);
    // Nobody was asked but the server of the repository itself.
    expect(new Set(server.requests.map(({ line }) => line.split("/")[1]))).toEqual(new Set(["repo.git"]));
  });

  test("C12: a repository that holds itself, over and over, ends", async () => {
    const folder = tempFolder();
    let last: string | undefined;
    for (let count = 0; count < 20; count++) {
      const files = {
        ".gitmodules": gitmodules({ sub: "../repo.git" }),
        ...(last === undefined ? {} : { sub: { submodule: last } }),
      };
      [last] = commitTo(folder, "repo.git", [{ files }]);
    }
    await using server = await startGitServer(folder);
    expect(await failure(add(`${server.url}/repo.git`), "LIMIT_EXCEEDED")).toContain("more than 16 deep");
  });
});

describe.runIf(ready)("C12: hostile repositories", () => {
  test("CVE-2026-33748: a folder is never reached through links", async () => {
    const folder = tempFolder();
    commitTo(folder, "repo.git", [
      { files: { etc: { link: "/etc" }, up: { link: "../../.." }, here: { link: "real" }, "real/f": "1", file: "2" } },
    ]);
    await using server = await startGitServer(folder);
    const url = `${server.url}/repo.git`;
    for (const path of ["etc", "up", "here", "etc/ssl", "here/f"]) {
      expect(await failure(add(`${url}#:${path}`))).toContain("a symbolic link is in the way");
    }
    expect(await failure(add(`${url}#:file`))).toContain("not a directory");
    expect(await failure(add(`${url}#:nope`))).toContain("failed to open subdir nope: open /nope: no such file");
    expect(await filesOf(await buildChecked(add(`${url}#:../../real`)))).toEqual(["/r/ 755 0:0", "/r/f 644 0:0"]);
    expect(await filesOf(await buildChecked(add(url)))).toContain("/r/etc -> /etc");
  });

  test("names that would leave the folder or make a git folder are refused, and nothing is written", async () => {
    const folder = tempFolder();
    const touched = canary();
    const names = [".git/hooks/post-checkout", ".GIT/config", "git~1/config", "..", "a/../../b", "sub/.git/config"];
    for (const [at, name] of names.entries()) makeTree(folder, `repo${at}.git`, name, `#!/bin/sh\ntouch ${touched}\n`);
    await using server = await startGitServer(folder);
    for (const at of names.keys()) {
      const options = add(`${server.url}/repo${at}.git`);
      const before = readdirSync(join(options.root, ".."));
      expect([names[at], await failure(options)]).toEqual([names[at], expect.stringContaining("failed to checkout")]);
      expect(readdirSync(join(options.root, ".."))).toEqual(
        [...before, "store"].filter((n, i, all) => all.indexOf(n) === i),
      );
    }
    expect(existsSync(touched)).toBe(false);
  });

  test("hooks, filters and settings of this machine's user are not used", async () => {
    const folder = tempFolder();
    const home = tempFolder();
    const touched = canary();
    ordinary(folder);
    mkdirSync(join(home, "hooks"));
    writeFileSync(join(home, "hooks", "post-checkout"), `#!/bin/sh\ntouch ${touched}\n`, { mode: 0o755 });
    writeFileSync(
      join(home, ".gitconfig"),
      `[core]\n\thooksPath = ${home}/hooks\n\tautocrlf = true\n[url "http://127.0.0.1:1/"]\n\tinsteadOf = http://\n` +
        `[init]\n\ttemplateDir = ${home}\n[credential]\n\thelper = "!touch ${touched}"\n`,
    );
    await using server = await startGitServer(folder);
    await withEnv({ HOME: home, GIT_CONFIG_GLOBAL: join(home, ".gitconfig"), GIT_DIR: "/nonexistent" }, async () => {
      const built = await buildChecked(
        add(`${server.url}/repo.git`, "FROM scratch\nARG U\nADD --keep-git-dir $U /r\n"),
      );
      expect(String(await built.readFile("/r/README"))).toBe("two\n");
    });
    expect(existsSync(touched)).toBe(false);
  });

  test("P2: a git in the build context is not run", async () => {
    const folder = tempFolder();
    ordinary(folder);
    const context = tempFolder();
    const touched = canary();
    writeFileSync(join(context, "git"), `#!/bin/sh\ntouch ${touched}\nexit 1\n`);
    chmodSync(join(context, "git"), 0o755);
    await using server = await startGitServer(folder);
    const options = { ...add(`${server.url}/repo.git`), context: dir(context) };
    const PATH = [context, ".", "", process.env["PATH"]].join(delimiter);
    await withEnv({ PATH }, async () => {
      await buildChecked(options);
    });
    await withEnv({ PATH: context }, async () => {
      expect(await failure({ ...options, root: fresh({}).root })).toContain('"git" is needed');
    });
    expect(existsSync(touched)).toBe(false);
  });

  test("a repository that has moved is read where it is now, with the same rights on the same server", async () => {
    const folder = tempFolder();
    ordinary(folder);
    const authorization = `Basic ${Buffer.from("x-access-token:token").toString("base64")}`;
    await using server = await startGitServer(folder, {
      authorization,
      answer: (request, response) => {
        if (!request.url!.startsWith("/old.git")) return false;
        response.writeHead(301, { location: request.url!.replace("old", "repo") }).end();
        return true;
      },
    });
    const options = { ...add(`${server.url}/old.git`), secrets: { GIT_AUTH_TOKEN: "token" } };
    expect(String(await (await buildChecked(options)).readFile("/r/README"))).toBe("two\n");
  });

  test("R2: a redirect that leads to no repository is an error", async () => {
    const folder = tempFolder();
    await using server = await startGitServer(folder, {
      answer: (request, response) => {
        const leads = request.url!.startsWith("/moved.git");
        response.writeHead(leads ? 302 : 200, leads ? { location: "/latest/meta-data/" } : {}).end("secret");
        return true;
      },
    });
    expect(await failure(add(`${server.url}/moved.git`))).toContain("leads to something that is no repository");
  });

  test("a redirect does not leave HTTP, nor go over to another scheme", async () => {
    const folder = tempFolder();
    ordinary(folder);
    await using server = await startGitServer(folder, {
      answer: (request, response) => {
        if (!request.url!.startsWith("/moved.git")) return false;
        response.writeHead(302, { location: "file:///etc/passwd" }).end();
        return true;
      },
    });
    expect(await failure(add(`${server.url}/moved.git`))).toContain('the scheme "file:"');
  });

  test.each(["ext::sh -c id", "file:///etc", "/etc/x.git", "../x.git", "-x"])(
    "%j is no repository for ADD nor for a context",
    async (text) => {
      const options = fresh({ dockerfile: "FROM scratch\n", context: git(text) });
      await failure(options, "OPTIONS_INVALID");
    },
  );
});

/** A repository whose only commit has one file of any name, which git itself would refuse to add. */
function makeTree(folder: string, name: string, path: string, text: string): void {
  const bare = join(folder, name);
  const run = (args: readonly string[], input: string | Buffer): Buffer =>
    execFileSync("git", [`--git-dir=${bare}`, ...args], { input, stdio: ["pipe", "pipe", "inherit"] });
  mkdirSync(bare);
  run(["init", "--quiet", "--bare", "--initial-branch=main"], "");
  let id = String(run(["hash-object", "-w", "--stdin"], text)).trim();
  let mode = "100755";
  for (const part of path.split("/").reverse()) {
    const tree = Buffer.concat([Buffer.from(`${mode} ${part}\0`), Buffer.from(id, "hex")]);
    id = String(run(["hash-object", "-w", "-t", "tree", "--literally", "--stdin"], tree)).trim();
    mode = "40000";
  }
  expect(id).toMatch(HEX);
  const commit = `tree ${id}\nauthor A <a@b> 1 +0000\ncommitter A <a@b> 1 +0000\n\nmsg\n`;
  const commitId = String(run(["hash-object", "-w", "-t", "commit", "--stdin"], commit)).trim();
  run(["update-ref", "refs/heads/main", commitId], "");
}

async function withEnv(values: Readonly<Record<string, string>>, action: () => Promise<void>): Promise<void> {
  const before = Object.keys(values).map((name) => [name, process.env[name]] as const);
  Object.assign(process.env, values);
  try {
    await action();
  } finally {
    for (const [name, value] of before) {
      if (value === undefined) delete process.env[name];
      else process.env[name] = value;
    }
  }
}

describe.runIf(ready)("L1: secrets for git", () => {
  const CANARY = "canary-9d2c44aa10";
  const tokenHeader = `Basic ${Buffer.from(`x-access-token:${CANARY}`).toString("base64")}`;

  function expectHidden(root: string, { events }: Pick<TestBuild, "events">): void {
    const texts = [JSON.stringify(events)];
    const visit = (folder: string): void => {
      for (const name of readdirSync(folder)) {
        const path = join(folder, name);
        if (statSync(path).isDirectory()) visit(path);
        else texts.push(readFileSync(path, "latin1"));
      }
    };
    visit(root);
    const all = texts.join("\n");
    expect(all).not.toContain(CANARY);
    expect(all).not.toContain(tokenHeader.slice("Basic ".length));
  }

  test.each([
    ["GIT_AUTH_TOKEN", CANARY, tokenHeader],
    ["GIT_AUTH_HEADER", `Bearer ${CANARY}`, `Bearer ${CANARY}`],
  ])("%s opens a repository and is kept nowhere", async (id, value, authorization) => {
    const folder = tempFolder();
    ordinary(folder);
    await using server = await startGitServer(folder, { authorization });
    const options = add(`${server.url}/repo.git`, "FROM scratch\nARG U\nADD --keep-git-dir $U /r\n");
    expect(await failure(options)).toContain("could not read Username");
    const built = await buildChecked({ ...options, secrets: { [id]: value } });
    expectHidden(options.root, built);
    const host = new URL(server.url).host;
    const others = { ...add(`${server.url}/repo.git`), secrets: { [id]: "wrong", [`${id}.${host}`]: value } };
    await buildChecked(others);
  });

  test("credentials of a URL are used, and shown and kept nowhere", async () => {
    const folder = tempFolder();
    ordinary(folder);
    const authorization = `Basic ${Buffer.from(`user:${CANARY}`).toString("base64")}`;
    await using server = await startGitServer(folder, { authorization });
    const url = `${server.url.replace("//", `//user:${CANARY}@`)}/repo.git`;
    const options = fresh({ dockerfile: `FROM scratch\nADD --keep-git-dir ${url} /r\n` });
    const built = await buildChecked(options);
    expectHidden(options.root, built);
    expect(JSON.stringify(built.images)).not.toContain(CANARY);
    const wrong = await failure(add(url.replace(CANARY, `${CANARY}x`)));
    expect(wrong).not.toContain(CANARY);
  });

  test("a token does not go to submodules elsewhere, nor with a redirect", async () => {
    const folder = tempFolder();
    const elsewhere = tempFolder();
    const [inner] = commitTo(elsewhere, "inner.git", [{ files: { f: "1" } }]);
    await using other = await startGitServer(elsewhere);
    commitTo(folder, "repo.git", [
      { files: { ".gitmodules": gitmodules({ sub: `${other.url}/inner.git` }), sub: { submodule: inner! } } },
    ]);
    await using server = await startGitServer(folder, {
      authorization: tokenHeader,
      answer: (request, response) => {
        if (!request.url!.startsWith("/moved.git")) return false;
        response.writeHead(302, { location: `${other.url}${request.url!.replace("moved", "inner")}` }).end();
        return true;
      },
    });
    await buildChecked({ ...add(`${server.url}/repo.git`), secrets: { GIT_AUTH_TOKEN: CANARY } });
    await buildChecked({ ...add(`${server.url}/moved.git`), secrets: { GIT_AUTH_TOKEN: CANARY } });
    expect(other.requests.length).toBeGreaterThan(0);
    expect(other.requests.map(({ authorization }) => authorization).filter((value) => value !== undefined)).toEqual([]);
  });

  test("credentials do not go over plain HTTP to another machine", async () => {
    expect(await failure(add("http://u:p@machine.invalid/x.git"))).toContain("not sent over plain HTTP");
  });
});

describe.runIf(ready)("git contexts", () => {
  test("give Dockerfile and files, of a folder too, and no ignore file is read", async () => {
    const folder = tempFolder();
    commitTo(folder, "repo.git", [
      {
        files: {
          Dockerfile: "FROM scratch\nCOPY . /\n",
          ".dockerignore": "f\n",
          f: "1",
          "app/Dockerfile": "FROM scratch\nCOPY g /h\n",
          "app/g": "2",
          "other.Dockerfile": "FROM scratch\nCOPY f /other\n",
        },
      },
    ]);
    await using server = await startGitServer(folder);
    const url = `${server.url}/repo.git`;
    const built = await buildChecked(fresh({ context: url }));
    expect(await filesOf(built)).toContain("/f 644 0:0");
    expect(await filesOf(await buildChecked(fresh({ context: `${url}#main:app` })))).toEqual(["/h 644 0:0"]);
    const other = await buildChecked(fresh({ context: url, file: "other.Dockerfile" }));
    expect(await filesOf(other)).toEqual(["/other 644 0:0"]);
    const own = join(tempFolder(), "Dockerfile");
    writeFileSync(own, "FROM scratch\nCOPY app/g /own\n");
    expect(await filesOf(await buildChecked(fresh({ context: url, file: own })))).toEqual(["/own 644 0:0"]);
    const options = fresh({ context: url });
    await buildChecked(options);
    expect((await buildChecked(options)).ran).toEqual([]);
  });

  test("keep their git folder when the URL or BUILDKIT_CONTEXT_KEEP_GIT_DIR says so", async () => {
    const folder = tempFolder();
    commitTo(folder, "repo.git", [{ files: { Dockerfile: "FROM scratch\nCOPY .git/HEAD /\n" } }]);
    await using server = await startGitServer(folder);
    const context = `${server.url}/repo.git`;
    await failure(fresh({ context }), "LAYER_COPY");
    await buildChecked(fresh({ context: `${context}?keep-git-dir=true` }));
    await buildChecked(fresh({ context, buildArgs: { BUILDKIT_CONTEXT_KEEP_GIT_DIR: "1" } }));
  });

  test("can be named, and stand for an image", async () => {
    const folder = tempFolder();
    ordinary(folder);
    await using server = await startGitServer(folder);
    const buildContexts = { src: `${server.url}/repo.git#v1`, base: `${server.url}/repo.git#v1:sub` };
    const dockerfile = "FROM base\nCOPY --from=src README /\n";
    const built = await buildChecked(fresh({ dockerfile, buildContexts }));
    expect(await filesOf(built)).toEqual(["/README 644 0:0", "/l -> x", "/x 755 0:0"]);
  });

  test("have the time of their commit when the build is to be reproducible", async () => {
    const folder = tempFolder();
    commitTo(folder, "repo.git", [{ files: { Dockerfile: "FROM scratch\nCOPY . /\n" } }]);
    const bare = join(folder, "repo.git");
    const time = Number(execFileSync("git", [`--git-dir=${bare}`, "log", "-1", "--format=%ct"], { encoding: "utf8" }));
    await using server = await startGitServer(folder);
    const options = { context: `${server.url}/repo.git`, reproducible: true };
    const built = await buildChecked(fresh(options));
    expect(built.images[0]!.config.created).toBe(new Date(time * 1000).toISOString().replace(".000", ""));
    expect((await buildChecked(fresh(options))).digest).toBe(built.digest);
  });

  test("a folder that is called like a repository on GitHub is the folder", async () => {
    const cwd = tempFolder();
    mkdirSync(join(cwd, "github.com", "a", "b"), { recursive: true });
    writeFileSync(join(cwd, "github.com", "a", "b", "Dockerfile"), "FROM scratch\nLABEL a=b\n");
    await buildChecked(fresh({ cwd, context: "github.com/a/b" }));
  });
});

test.runIf(ready)("K11: an abort ends git and its helpers, and leaves nothing", async () => {
  let connected: () => void = () => {};
  const waiting = new Promise<void>((resolve) => {
    connected = resolve;
  });
  let closed: () => void = () => {};
  const gone = new Promise<void>((resolve) => {
    closed = resolve;
  });
  // Takes connections and never answers.
  const server = createServer((socket) => {
    connected();
    socket.on("error", () => {});
    socket.on("close", () => closed());
    socket.resume();
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => void server.close());
  const { port } = server.address() as { port: number };
  const abort = new AbortController();
  const options = add(`http://127.0.0.1:${port}/x.git`);
  const building = buildOnly({ ...options, signal: abort.signal });
  building.catch(() => {});
  await waiting;
  abort.abort(new Error("enough"));
  await expect(building).rejects.toThrow("enough");
  await gone;
  expectNoTemporaryFiles(options.root);
});
