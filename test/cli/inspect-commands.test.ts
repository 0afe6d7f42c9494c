import { chmodSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { runCli } from "../../src/cli/run-cli.js";
import { build, inspectContext, memory, plan, whyInContext } from "../../src/index.js";
import { tempFolder } from "../support/temp-folder.js";
import { writeFiles } from "../support/write-files.js";
import { fakeIo } from "./support/fake-io.js";

interface Said {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a command line in `folder`, with a store of its own. */
async function say(folder: string, ...args: readonly string[]): Promise<Said> {
  const io = fakeIo(args, { cwd: folder, env: { OCIBUILD_ROOT: join(folder, "..", "store") } });
  return { code: await runCli(io), ...io.written };
}

function project(files: Readonly<Record<string, string>>): string {
  const folder = join(tempFolder(), "project");
  mkdirSync(folder);
  writeFiles(folder, files);
  return folder;
}

const DOCKERFILE = `FROM scratch AS build
ARG VERSION=1
WORKDIR /app
COPY package.json ./
COPY src ./src
FROM scratch
COPY --from=build /app /srv
CMD ["/srv/main"]
`;
const FILES = { Dockerfile: DOCKERFILE, "package.json": "{}", "src/a": "1", "src/b": "2" };

describe("ocibuild plan", () => {
  test("says before a build that all would run, after it that nothing would, and what an edit changes", async () => {
    const folder = project(FILES);
    const first = await say(folder, "plan", "--platform", "linux/amd64", ".");
    expect(first.stderr).toBe("");
    expect(first.code).toBe(0);
    expect(first.stdout).toBe(`stage build for linux/amd64 from scratch
  config   ARG VERSION=1
  RUNS     WORKDIR /app
             no earlier build is known
  depends  COPY package.json ./
  depends  COPY src ./src

stage 1 for linux/amd64 from scratch, the result
  depends  COPY /app /srv
  config   CMD ["/srv/main"]

4 steps: 0 cached, 1 to run, 3 depend on what those make
`);
    expect((await say(folder, "-q", "--platform", "linux/amd64", ".")).code).toBe(0);
    const second = await say(folder, "plan", "--platform", "linux/amd64", "--require-cache", ".");
    expect(second).toMatchObject({ code: 0, stdout: expect.stringContaining("\n4 steps: 4 cached, 0 to run\n") });
    writeFileSync(join(folder, "src/a"), "3");
    const third = await say(folder, "plan", "--platform", "linux/amd64", "--require-cache", ".");
    expect(third.code).toBe(1);
    expect(third.stdout).toContain("  RUNS     COPY src ./src\n             src/a: content changed\n");
  });

  test("is what the build then does", async () => {
    const root = join(tempFolder(), "store");
    const options = (files: Readonly<Record<string, string>>) => ({
      root,
      context: memory(files),
      platforms: ["linux/amd64"],
      outputs: ["type=cacheonly"],
    });
    await build(options(FILES));
    const edited = options({ ...FILES, "src/b": "other" });
    const states = (await plan(edited)).stages.flatMap(({ steps }) => steps.map(({ title, state }) => [title, state]));
    expect(states).toEqual([
      ["ARG VERSION=1", "config"],
      ["WORKDIR /app", "cached"],
      ["COPY package.json ./", "cached"],
      ["COPY src ./src", "runs"],
      ["COPY /app /srv", "depends"],
      ['CMD ["/srv/main"]', "config"],
    ]);
    const outcomes: string[] = [];
    await build({ ...edited, onEvent: (event) => event.type === "task-finished" && outcomes.push(event.outcome) });
    expect(outcomes).toEqual(["cached", "cached", "done", "done"]);
    const { stages } = await plan(edited);
    expect(stages.flatMap(({ steps }) => steps.map(({ state }) => state)).includes("runs")).toBe(false);
  });

  test("gives the records of all keys as JSON, and the keys are those of the build", async () => {
    const folder = project(FILES);
    await say(folder, "-q", ".");
    const { stdout } = await say(folder, "plan", "--json", ".");
    const report = JSON.parse(stdout);
    expect(report).toMatchObject({ version: 1, targets: [{ stage: expect.stringMatching(/^1@linux\//) }] });
    const steps = report.stages.flatMap((stage: { steps: object[] }) => stage.steps);
    expect(steps[1]).toMatchObject({
      kind: "workdir",
      title: "WORKDIR /app",
      state: "cached",
      location: { file: "Dockerfile", line: 3 },
      record: { kind: "workdir", projection: { step: { path: "/app", user: "" } }, parent: null, inputs: [] },
      shapeKey: expect.stringMatching(/^[0-9a-f]{64}$/),
      key: expect.stringMatching(/^[0-9a-f]{64}$/),
      diffId: expect.stringMatching(/^sha256:/),
    });
    expect(steps[3].record.inputs).toEqual([expect.stringMatching(/^sha256:/)]);
  });

  test("L1: shows no value of a variable that sounds like a secret, with RUN and without an executor", async () => {
    const folder = project({ Dockerfile: "FROM scratch\nARG NPM_TOKEN\nARG V=1\nCOPY Dockerfile /\nRUN make\n" });
    const { code, stdout } = await say(folder, "plan", "--json", "--build-arg", "NPM_TOKEN=hunter2-canary", ".");
    expect(code).toBe(0);
    const [, , , run] = JSON.parse(stdout).stages[0].steps;
    expect(run).toMatchObject({ title: "RUN make", state: "depends" });
    expect(run.record.projection.step.step.env).toContain("NPM_TOKEN=(not shown)");
    expect(run.record.projection.step.step.env).toContain("V=1");
    expect(JSON.stringify(run)).not.toContain("hunter2");
    expect(stdout).not.toContain("hunter2");
  });

  test("takes the options of a build, and none that ask for something else", async () => {
    const folder = project(FILES);
    expect((await say(folder, "plan", "--no-cache", "-t", "app:1", "-o", "out.tar", ".")).stdout).toContain(
      "the build was told not to use the cache for it",
    );
    for (const args of [["--call", "check"], ["--iidfile", "x"], ["--metadata-file", "x"], ["--version"]]) {
      expect(await say(folder, "plan", ...args, ".")).toMatchObject({ code: 2, stdout: "" });
    }
    expect(await say(folder, "plan")).toMatchObject({ code: 2, stderr: expect.stringContaining("build context") });
    const help = await say(folder, "plan", "--help");
    expect(help).toMatchObject({ code: 0, stdout: expect.stringContaining("--json") });
    expect(help.stdout).not.toContain("--iidfile");
  });

  test("fails like a build where a build would", async () => {
    const folder = project({ Dockerfile: "FROM scratch\nCOPY gone /\n" });
    expect(await say(folder, "plan", ".")).toMatchObject({ code: 1, stderr: expect.stringContaining("not found") });
  });
});

const CONTEXT = {
  Dockerfile: "FROM scratch\n",
  ".dockerignore": "# not for images\nnode_modules\n*.log\nlogs/*\n!logs/keep.log\ndist\n",
  "node_modules/a/x": "12345",
  "node_modules/b": "123",
  "old.log": "1",
  "logs/drop.log": "12",
  "logs/keep.log": "1234",
  "src/a": "1",
  "src/deep/b": "12",
};

describe("ocibuild context", () => {
  test("lists what is in the context by size, and what is left out by rule", async () => {
    const folder = project(CONTEXT);
    expect(await say(folder, "context")).toEqual({
      code: 0,
      stderr: "",
      stdout: `In the build context: 5 files, 83B
  SIZE  FILES  PATH
  63B   1      .dockerignore
  13B   1      Dockerfile
  4B    1      logs/
  3B    2      src/

Left out by .dockerignore: 4 files, 11B
  SIZE  FILES  RULE
  8B    2      .dockerignore:2 node_modules
  1B    1      .dockerignore:3 *.log
  2B    1      .dockerignore:4 logs/*
  4B    1      .dockerignore:5 !logs/keep.log (keeps)
  0B    0      .dockerignore:6 dist (decides about nothing)
`,
    });
    expect((await say(folder, "context", "--depth", "2", ".")).stdout).toContain("  2B    1      src/deep/\n");
    const all = (await say(folder, "context", "--all", ".")).stdout;
    expect(all).toContain("  2B    1      src/deep/b\n");
    expect(all).toContain("  8B    2      node_modules   .dockerignore:2 node_modules\n");
    expect(all).toContain("  2B    1      logs/drop.log  .dockerignore:4 logs/*\n");
  });

  test("is what COPY takes", async () => {
    const folder = project(CONTEXT);
    const { kept, leftOut } = await inspectContext({ context: folder, root: join(folder, "../store") });
    const built = await build({
      context: folder,
      dockerfile: "FROM scratch\nCOPY . /\n",
      root: join(folder, "../store"),
      outputs: ["type=cacheonly"],
    });
    const copied: string[] = [];
    for await (const { path, type } of built.files()) if (type !== "dir") copied.push(path);
    expect(kept.map(({ path }) => `/${path}`)).toEqual(copied.toSorted());
    expect(leftOut.map(({ path }) => path).toSorted()).toEqual(["logs/drop.log", "node_modules", "old.log"]);
  });

  test("--why names the rule with its file and line", async () => {
    const folder = project(CONTEXT);
    const paths = ["node_modules/a/x", "logs/keep.log", "./src/a", "dist/gone", "gone", "/"];
    const { stdout } = await say(folder, "context", ...paths.flatMap((path) => ["--why", path]));
    expect(stdout.split("\n")).toEqual([
      'node_modules/a/x: left out by .dockerignore:2 "node_modules"',
      'logs/keep.log: kept by .dockerignore:5 "!logs/keep.log"',
      "src/a: in the build context (default: no rule matches it)",
      'dist/gone: not there; would be left out by .dockerignore:6 "dist"',
      "gone: not there; would be in the build context (default: no rule matches it)",
      ".: in the build context (default: no rule matches it)",
      "",
    ]);
    const context = { context: folder, root: join(folder, "../store") };
    expect(await whyInContext(context, ["old.log"])).toEqual([
      { path: "old.log", exists: true, isKept: false, rule: { text: "*.log", line: 3, file: ".dockerignore" } },
    ]);
  });

  test("takes the ignore file of the Dockerfile that is named", async () => {
    const folder = project({ ...CONTEXT, "app.Dockerfile": "FROM scratch\n", "app.Dockerfile.dockerignore": "src\n" });
    const { stdout } = await say(folder, "context", "-f", join(folder, "app.Dockerfile"), "--why", "src/a", ".");
    expect(stdout).toMatch(/^src\/a: left out by .*app\.Dockerfile\.dockerignore:1 "src"\n$/);
  });

  test("needs no Dockerfile and no ignore file, and says JSON", async () => {
    const folder = project({ a: "12" });
    const { stdout } = await say(folder, "context", "--json");
    expect(JSON.parse(stdout)).toEqual({
      version: 1,
      root: folder,
      kept: [{ path: "a", type: "file", sizeBytes: 2 }],
      leftOut: [],
      rules: [],
      unreadable: [],
    });
    expect((await say(folder, "context")).stdout).toContain("Left out (there is no ignore file): 0 files, 0B\n");
    expect(await say(folder, "context", "-f", "gone")).toMatchObject({ code: 1 });
    expect(await say(folder, "context", "--depth", "0")).toMatchObject({ code: 2 });
  });

  test.runIf(process.getuid?.() !== 0)("C9: what cannot be read is named and is no error", async () => {
    const folder = project({ ...CONTEXT, "secret/x": "1" });
    chmodSync(join(folder, "secret"), 0);
    expect((await say(folder, "context")).stdout).toContain("Cannot be read: 1\n  secret\n");
    chmodSync(join(folder, "secret"), 0o700);
  });
});
