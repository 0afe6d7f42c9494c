/** What people change every day in a real project: which steps run again, and what is said of why. docs/cache.md shows it. */
import { execFileSync } from "node:child_process";
import {
  appendFileSync,
  chmodSync,
  cpSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { build } from "../../src/index.js";
import { startRegistry, type TestRegistry } from "../../src/testing/registry/registry.js";
import { writeEverydayProject } from "../support/everyday-project.js";
import { tryOcibuild } from "../support/ocibuild.js";
import { requireRoot } from "../support/ordinary-user.js";
import { makeOwnFolder, removeOwnFolder } from "../support/own-folder.js";
import { writeBusybox } from "../support/root-files.js";
import { requireTool } from "../support/tools.js";

const ready = requireTool("busybox", "ldd", "unshare", "setpriv", "mount", "tar") && requireRoot();
const DOCS = new URL("../../docs/cache.md", import.meta.url);

interface ExplainedStep {
  readonly title: string;
  readonly causes: readonly string[];
}

interface Edit {
  readonly what: string;
  /** Changes the project in `folder`. */
  readonly change: (folder: string) => void | Promise<void>;
  readonly args?: readonly string[];
  /** The steps that must run, and no others. */
  readonly runs: readonly string[];
}

const DEPS = ["WORKDIR /app", "COPY package.json install.sh ./", "COPY vendor ./vendor", "RUN sh install.sh"];
const BUILD_RUN = 'RUN cat src/*/index.js > app.js && echo "$VERSION" > version';
const TAKE = "COPY /app/app.js /app/version ./";

describe.runIf(ready)("everyday edits", () => {
  let folder = "";
  let project = "";
  let registry: TestRegistry;
  const rows: string[] = [];

  const pushBase = async (release: string): Promise<void> => {
    const base = join(folder, `base-${release}`);
    mkdirSync(join(base, "root"), { recursive: true });
    writeBusybox(join(base, "root"));
    writeFileSync(join(base, "root/etc/release"), release);
    await build({
      context: base,
      dockerfile: "FROM scratch\nCOPY root/ /\nENV PATH=/bin\n",
      tags: [`${registry.host}/library/busybox:1`],
      push: true,
      root: join(folder, "base-store"),
    });
  };

  /** Builds with explanations; the steps that ran, with what was said of each. */
  const explained = async (args: readonly string[] = [], cwd = project): Promise<readonly ExplainedStep[]> => {
    const options = [
      "--root",
      join(folder, "store"),
      "--registry-mirror",
      `docker.io=${registry.url}`,
      "--executor",
      "namespaces",
    ];
    const words = [...options, "--progress", "rawjson", "--explain", "-o", "type=cacheonly", ...args, "."];
    const { code, stderr } = await tryOcibuild(words, { cwd });
    expect(stderr.toString()).not.toContain('"type":"error"');
    expect(code).toBe(0);
    const records = stderr
      .toString()
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line));
    const names = new Map<string, string>();
    for (const { type, tasks } of records) if (type === "plan") for (const { id, name } of tasks) names.set(id, name);
    const steps = new Map<string, ExplainedStep>();
    for (const { type, id, causes, outcome } of records) {
      const name = names.get(id);
      if (name === undefined) continue;
      if (type === "cache-miss") {
        steps.set(id, { title: titleOf(name), causes: causes.map((cause: { text: string }) => cause.text) });
      }
      // What ran was explained, and what was explained ran.
      if (type === "task-finished") expect([name, outcome]).toEqual([name, steps.has(id) ? "done" : "cached"]);
    }
    // Stages run side by side: the order of the Dockerfile is the same every time.
    return [...names.keys()].flatMap((id) => steps.get(id) ?? []);
  };

  beforeAll(async () => {
    folder = makeOwnFolder("edits");
    registry = await startRegistry();
    project = join(folder, "project");
    mkdirSync(project);
    writeEverydayProject(project);
    await pushBase("1");
    await explained();
  });
  afterAll(async () => {
    await registry?.[Symbol.asyncDispose]();
    removeOwnFolder(folder);
  });

  const edits: readonly Edit[] = [
    { what: "nothing", change: () => {}, runs: [] },
    {
      what: "`touch` of files",
      change: (at) => {
        for (const path of ["package.json", "src/module07/index.js"]) utimesSync(join(at, path), 1_000_000, 1_000_000);
      },
      runs: [],
    },
    { what: "a comment in the Dockerfile", change: (at) => addLine(at, "Dockerfile", "# serves the app"), runs: [] },
    { what: "a new file that `.dockerignore` names", change: (at) => addLine(at, "debug.log", "line"), runs: [] },
    {
      what: "CMD",
      change: (at) => replace(at, "Dockerfile", 'CMD ["cat"', 'CMD ["sh", "-c", "cat"'),
      runs: [],
    },
    {
      what: "a source file that the result does not hold",
      change: (at) => addLine(at, "src/module07/file3.js", "// more"),
      runs: ["COPY src ./src", BUILD_RUN],
    },
    {
      what: "a source file that it does hold",
      change: (at) => addLine(at, "src/module07/index.js", "// more"),
      runs: ["COPY src ./src", BUILD_RUN, TAKE, "COPY public ./public"],
    },
    {
      what: "`package.json`, one package more",
      change: (at) => replace(at, "package.json", "package02", "package02 package03"),
      runs: [...DEPS.slice(1), "COPY /app/node_modules ./node_modules", "COPY src ./src", BUILD_RUN],
    },
    {
      what: "`--build-arg VERSION=1.1`",
      change: () => {},
      args: ["--build-arg", "VERSION=1.1"],
      runs: [BUILD_RUN, TAKE, "COPY public ./public"],
    },
    {
      what: "`chmod 755` of a source file",
      change: (at) => chmodSync(join(at, "src/module03/file1.js"), 0o755),
      runs: ["COPY src ./src", BUILD_RUN],
    },
    {
      what: "a source file renamed",
      change: (at) => renameSync(join(at, "src/module03/file2.js"), join(at, "src/module03/file2.mjs")),
      runs: ["COPY src ./src", BUILD_RUN],
    },
    {
      what: "a folder renamed",
      change: (at) => renameSync(join(at, "public/page04"), join(at, "public/about")),
      runs: ["COPY public ./public"],
    },
    {
      what: "a new file",
      change: (at) => addLine(at, "public/about/new.js", "export {};"),
      runs: ["COPY public ./public"],
    },
    {
      what: "a file removed",
      change: (at) => rmSync(join(at, "public/about/new.js")),
      // As before the file came: that is still known.
      runs: [],
    },
    {
      what: "the command of a RUN",
      change: (at) => replace(at, "Dockerfile", "RUN sh install.sh", "RUN sh -x install.sh"),
      runs: ["RUN sh -x install.sh"],
    },
    {
      what: "a step inserted",
      change: (at) => replace(at, "Dockerfile", "COPY src", "COPY install.sh /tmp/\nCOPY src"),
      runs: ["COPY install.sh /tmp/", "COPY src ./src", BUILD_RUN],
    },
    {
      what: "a new base image, with `--pull`",
      change: () => pushBase("2"),
      args: ["--pull"],
      runs: [
        ...DEPS.slice(0, 3),
        "RUN sh -x install.sh",
        // WORKDIR /app of the stage "build" is the one of "deps".
        "COPY /app/node_modules ./node_modules",
        "COPY install.sh /tmp/",
        "COPY src ./src",
        BUILD_RUN,
        "WORKDIR /srv",
        TAKE,
        "COPY public ./public",
      ],
    },
  ];

  it.each(edits.map((edit) => [edit.what, edit] as const))("%s", async (what, { change, args, runs }) => {
    await change(project);
    const steps = await explained(args);
    expect(steps.map(({ title }) => title).toSorted()).toEqual(runs.toSorted());
    for (const { causes } of steps) expect(causes).toHaveLength(1);
    const told = steps[0] === undefined ? "–" : `\`${shown(steps[0].causes[0]!)}\``;
    const ran = steps.length === 0 ? "nothing" : steps.map(({ title }) => `\`${title}\``).join("<br>");
    rows.push(`| ${what} | ${ran} | ${told} |`);
  });

  it("a clone elsewhere finds everything", async () => {
    const clone = join(folder, "clone");
    cpSync(project, clone, { recursive: true });
    expect(await explained([], clone)).toEqual([]);
  });

  it("a clone with another umask finds everything with --context-modes git", async () => {
    const clone = join(folder, "umask");
    cpSync(project, clone, { recursive: true });
    await explained(["--context-modes", "git"], clone);
    execFileSync("chmod", ["-R", "g+w", clone]);
    expect(await explained(["--context-modes", "git"], clone)).toEqual([]);
    expect((await explained([], clone)).length).toBeGreaterThan(0);
  });

  it("is what docs/cache.md shows", () => {
    const text = readFileSync(DOCS, "utf8");
    const table = ["| changed | runs again | said of the first |", "|---|---|---|", ...rows].join("\n");
    const now = text.replace(
      /(<!-- edits -->\n)[\s\S]*?(\n<!-- \/edits -->)/,
      (_, start, end) => `${start}${table}${end}`,
    );
    if (process.env["OCIBUILD_UPDATE_GOLDENS"] === "1") writeFileSync(DOCS, now);
    else expect(now).toBe(text);
  });
});

/** The step without its place, as in the Dockerfile. */
function titleOf(task: string): string {
  return task.replace(/^\[.*?\] /, "");
}

/** Digests differ from machine to machine. */
function shown(text: string): string {
  return text.replace(/sha256:[0-9a-f]+/g, "sha256:…").replaceAll("|", "\\|");
}

function addLine(folder: string, path: string, line: string): void {
  appendFileSync(join(folder, path), `${line}\n`);
}

function replace(folder: string, path: string, before: string, after: string): void {
  const text = readFileSync(join(folder, path), "utf8");
  expect(text).toContain(before);
  writeFileSync(join(folder, path), text.replace(before, after));
}
