import { mkdirSync, readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import type { BuildEvent, MemoryFiles, MissCause } from "../../src/index.js";
import { fakeExecutor } from "../../src/testing/fake-executor.js";
import { buildOnly, fresh, type TestOptions } from "../support/builds.js";
import { writeLayout } from "../support/layouts.js";
import { DIFFERENT_STEPS, FILES, on, withFiles } from "../support/step-pairs.js";
import { tarBytes } from "../support/tar-bytes.js";
import { tempFolder } from "../support/temp-folder.js";

type Explained = Readonly<Record<string, readonly MissCause[]>>;

/** The causes of a build's misses, by the text of the step. */
function causesOf(events: readonly BuildEvent[]): Explained {
  const names = new Map<string, string>();
  for (const event of events) if (event.type === "task-started") names.set(event.task.id, event.task.name);
  return Object.fromEntries(
    events.flatMap((event) => {
      if (event.type !== "cache-miss") return [];
      return [[names.get(event.id)!.replace(/^\[.*?\] /, ""), event.causes] as const];
    }),
  );
}

/** Builds with explanations. */
async function explained(options: TestOptions): Promise<Explained> {
  return causesOf((await buildOnly({ outputs: ["type=cacheonly"], explain: true, ...options })).events);
}

/** Their texts. */
async function told(options: TestOptions): Promise<Readonly<Record<string, readonly string[]>>> {
  const causes = Object.entries(await explained(options));
  return Object.fromEntries(causes.map(([step, list]) => [step, list.map(({ text }) => text)]));
}

/** Builds `first` and then `second` in one store; what is said of the steps of the second. */
async function secondBuild(first: TestOptions, second: TestOptions): ReturnType<typeof told> {
  const shared = { root: fresh({}).root, files: FILES, outputs: ["type=cacheonly"] };
  await buildOnly({ ...shared, ...first });
  return told({ ...shared, ...second });
}

const VAGUE: readonly MissCause["kind"][] = ["unknown", "files", "first-build", "no-cache", "lost"];

describe("K9: whatever changes the key of a step is named", () => {
  test.each(DIFFERENT_STEPS)("%s", async (_, first, second) => {
    const shared = { root: fresh({}).root, files: FILES, outputs: ["type=cacheonly"] };
    await buildOnly({ ...shared, ...first });
    const causes = Object.values(await explained({ ...shared, ...second })).flat();
    expect(causes.length).toBeGreaterThan(0);
    expect(causes.filter(({ kind }) => VAGUE.includes(kind))).toEqual([]);
    for (const { text } of causes) expect(text).not.toMatch(/[\n\r]/);
  });
});

describe("a change of files is told in one line", () => {
  const base: MemoryFiles = { "d/a": "1", "d/b": "2", "d/c/x": "3", "d/c/y": "4" };
  const from = (files: MemoryFiles, step = "COPY d /d/") => secondBuild(withFiles(base), { ...on(step), files });

  test.each<[what: string, MemoryFiles, readonly string[]]>([
    ["content", { ...base, "d/a": "other" }, ["d/a: content changed"]],
    ["mode", { ...base, "d/a": { content: "1", mode: 0o755 } }, ["d/a: mode 0644 → 0755"]],
    ["owner", { ...base, "d/a": { content: "1", uid: 5, gid: 6 } }, ["d/a: owner 0:0 → 5:6"]],
    ["content and mode", { ...base, "d/a": { content: "0", mode: 0o600 } }, ["d/a: content changed, mode 0644 → 0600"]],
    ["a new file", { ...base, "d/z": "new" }, ["d/z: added"]],
    ["a removed file", { "d/a": "1", "d/c/x": "3", "d/c/y": "4" }, ["d/b: removed"]],
    ["a renamed file", { "d/a": "1", "d/bb": "2", "d/c/x": "3", "d/c/y": "4" }, ["d/b: renamed to d/bb"]],
    ["a renamed folder", { "d/a": "1", "d/b": "2", "d/e/x": "3", "d/e/y": "4" }, ["d/c: renamed to d/e (2 files)"]],
    ["a new folder", { ...base, "d/n/m/1": "5", "d/n/2": "6" }, ["d/n: added (2 files)"]],
    ["a removed folder", { "d/a": "1", "d/b": "2" }, ["d/c: removed (2 files)"]],
    ["an empty folder", { ...base, "d/n/": "" }, ["d/n: added"]],
    ["a link for a file", { ...base, "d/a": { type: "symlink", target: "b" } }, ["d/a: was a file and is a symlink"]],
  ])("%s", async (_, files, lines) => {
    expect(await from(files)).toEqual({ "COPY d /d/": lines });
  });

  test("many of them are counted", async () => {
    const many = (content: string): MemoryFiles =>
      Object.fromEntries(Array.from({ length: 30 }, (_, at) => [`d/${String(at).padStart(2, "0")}`, content]));
    const { "COPY d /d/": lines } = await secondBuild(withFiles(many("1")), withFiles(many("2")));
    expect(lines).toHaveLength(21);
    expect(lines?.[0]).toBe("d/00: content changed");
    expect(lines?.at(-1)).toBe("and 10 files more");
  });

  test("of another stage with its name, and what stands on it with the step that changed", async () => {
    const dockerfile = "FROM scratch AS one\nCOPY d /d\nWORKDIR /w\nFROM scratch\nCOPY --from=one /d/a /a\n";
    const files = { ...base, "d/a": "other" };
    expect(await secondBuild({ dockerfile, files: base }, { dockerfile, files })).toEqual({
      "COPY d /d": ["d/a: content changed"],
      "WORKDIR /w": ["earlier step made another layer: COPY d /d"],
      "COPY /d/a /a": ['/d/a of stage "one": content changed'],
    });
  });

  test("names of any bytes are shown as text in one line", async () => {
    const { "COPY d /d/": lines } = await secondBuild(withFiles({ "d/ü\n#": "1" }), withFiles({ "d/ü\n#": "2" }));
    expect(lines).toEqual(["d/ü\\n#: content changed"]);
  });
});

describe("a change of the Dockerfile or the options", () => {
  const layout = (content: string): string =>
    `oci-layout://${writeLayout({ tars: [tarBytes([{ path: "f", content }])] })}`;
  const running = { executor: fakeExecutor(() => [{ path: "out", content: "x" }]) };
  const run = (lines: string): TestOptions => ({ ...running, dockerfile: `FROM scratch\n${lines}\n` });
  const arg = (value: string): TestOptions => ({ ...run("ARG V=0\nRUN make"), buildArgs: { V: value } });

  test("a build argument with both values", async () => {
    expect(await secondBuild(arg("1"), arg("2"))).toEqual({
      "RUN make": ['ARG V: "1" → "2"'],
    });
  });

  test("L1: a build argument that sounds like a secret without its values", async () => {
    const secret = (value: string): TestOptions => ({
      ...run("ARG NPM_TOKEN\nRUN make"),
      buildArgs: { NPM_TOKEN: value },
    });
    const shared = { root: fresh({}).root, files: FILES, outputs: ["type=cacheonly"] };
    await buildOnly({ ...shared, ...secret("hunter2-before") });
    const [causes] = Object.values(await explained({ ...shared, ...secret("hunter2-after") }));
    expect(causes).toEqual([
      {
        kind: "variable",
        subject: "NPM_TOKEN",
        text: "ARG NPM_TOKEN changed (its name sounds like a secret: not shown)",
      },
    ]);
  });

  test("L1: URLs in variables and commands without their credentials", async () => {
    const url = (token: string): string => `https://me:${token}@npm.example/x`;
    const using = (token: string, path: string): TestOptions =>
      run(`ENV REGISTRY=${url(token)}${path}\nRUN fetch ${url(token)}${path}`);
    const shared = { root: fresh({}).root, files: FILES, outputs: ["type=cacheonly"] };
    await buildOnly({ ...shared, ...using("hunter2", "1") });
    const causes = Object.values(await explained({ ...shared, ...using("hunter3", "2") })).flat();
    expect(causes.map(({ kind, subject }) => [kind, subject])).toEqual([
      ["variable", "REGISTRY"],
      ["instruction", "command"],
    ]);
    expect(JSON.stringify(causes)).not.toMatch(/hunter\d/);
    expect(causes[0]?.text).toMatch(
      /^ENV REGISTRY: "https:\/\/x+@npm\.example\/x1" → "https:\/\/x+@npm\.example\/x2"$/,
    );
  });

  test("L1: other values of secrets change nothing, and are nowhere in what is remembered", async () => {
    const canary = "c4n4ry-0123456789abcdef0123456789abcdef";
    const options = {
      ...run("RUN --mount=type=secret,id=t,env=T make"),
      root: fresh({}).root,
      outputs: ["type=cacheonly"],
    };
    await buildOnly({ ...options, files: FILES, secrets: { t: canary } });
    expect(await told({ ...options, files: FILES, secrets: { t: "another" } })).toEqual({});
    const changed = { ...options, ...run("RUN --mount=type=secret,id=t,env=T make all") };
    const { events } = await buildOnly({ ...changed, files: FILES, secrets: { t: canary }, explain: true });
    expect(Object.values(causesOf(events)).flat()).toMatchObject([{ text: 'command: "make" → "make all"' }]);
    const kept = storeFiles(options.root).map((path) => readFileSync(path, "latin1"));
    for (const text of [...kept, JSON.stringify(events)]) {
      for (const form of [canary, Buffer.from(canary).toString("base64"), Buffer.from(canary).toString("hex")]) {
        expect(text.includes(form)).toBe(false);
      }
    }
  });

  test.each<[what: string, before: string, now: string, line: string]>([
    ["the command", "RUN make", "RUN make all", 'command: "make" → "make all"'],
    ["ENV", "ENV A=1\nRUN make", "ENV A=2\nRUN make", 'ENV A: "1" → "2"'],
    ["a new variable", "RUN make", "ENV A=2\nRUN make", 'ENV A: unset → "2"'],
    ["a variable less", "ENV A=1\nRUN make", "RUN make", 'variable A: "1" → unset'],
    ["USER", "WORKDIR /x", "USER 5\nWORKDIR /x", 'user: unset → "5"'],
    ["--network", "RUN make", "RUN --network=none make", 'network: "default" → "none"'],
    ["a mount", "RUN make", "RUN --mount=type=tmpfs,target=/t make", '--mount: unset → "type=tmpfs,target=/t"'],
    ["--chmod", "COPY a /", "COPY --chmod=755 a /", '--chmod: unset → "755"'],
    ["--link", "COPY a /", "COPY --link a /", '--link: unset → "set"'],
    ["the source", "COPY a /x", "COPY b /x", 'sources: "a" → "b"'],
    ["the destination", "COPY a /x", "COPY a /y", 'destination: "/x" → "/y"'],
    ["COPY's heredoc", "COPY <<e /x\n1\ne", "COPY <<e /x\n2\ne", 'sources: "<<e 1\\n" → "<<e 2\\n"'],
    ["WORKDIR", "WORKDIR /x", "WORKDIR /y", 'path: "/x" → "/y"'],
    ["a new step", "COPY a /", "COPY a /\nWORKDIR /n", "new step: no earlier build had it"],
  ])("%s", async (_what, before, now, line) => {
    expect(Object.values(await secondBuild(run(before), run(now)))).toEqual([[line]]);
  });

  test("an inserted step is new, and the next one stands on it", async () => {
    expect(await secondBuild(run("COPY a /\nRUN make"), run("COPY a /\nRUN configure\nRUN make"))).toEqual({
      "RUN configure": ["new step: no earlier build had it"],
      "RUN make": ["new step before it: RUN configure"],
    });
  });

  test("a removed step is named by the one that stood on it", async () => {
    expect(await secondBuild(run("COPY a /\nCOPY b /\nRUN make"), run("COPY a /\nRUN make"))).toEqual({
      "RUN make": ["earlier step is gone: COPY b /"],
    });
  });

  test("another base image, by its digests", async () => {
    const based = (content: string): TestOptions => ({
      dockerfile: "FROM base\nCOPY a /\nWORKDIR /w\n",
      buildContexts: { base: layout(content) },
    });
    const lines = await secondBuild(based("1"), based("2"));
    expect(Object.keys(lines)).toEqual(["COPY a /", "WORKDIR /w"]);
    for (const [line] of Object.values(lines)) {
      expect(line).toMatch(/^base(?: image .*: sha256:[0-9a-f]{12} → sha256:[0-9a-f]{12}|: ".*oci-layout.*" → ".*")$/);
    }
  });

  test("the platform of a command", async () => {
    const lines = await secondBuild(run("RUN make"), { ...run("RUN make"), platforms: ["linux/arm64"] });
    expect(Object.values(lines)).toEqual([['platform: "linux/amd64" → "linux/arm64"']]);
  });

  test("SOURCE_DATE_EPOCH and other options", async () => {
    expect(await secondBuild(on("COPY a /"), { ...on("COPY a /"), sourceDateEpoch: 5 })).toEqual({
      "COPY a /": ['SOURCE_DATE_EPOCH: unset → "5"'],
    });
    const hosts = { ...run("RUN make"), addHosts: ["r:10.0.0.1"] };
    expect(Object.values(await secondBuild(run("RUN make"), hosts))).toEqual([
      ['--add-host: unset → "[\\"10.0.0.1\\",\\"r\\"]"'],
    ]);
  });

  test("noCache", async () => {
    expect(await secondBuild(on("COPY a /"), { ...on("COPY a /"), noCache: true })).toEqual({
      "COPY a /": ["the build was told not to use the cache for it"],
    });
  });

  test("files that a command sees in a mount", async () => {
    const mounted = run("RUN --mount=type=bind,target=/src make");
    const lines = await secondBuild(mounted, { ...mounted, files: { ...FILES, a: "other" } });
    expect(Object.values(lines)).toEqual([["a (mounted at /src): content changed"]]);
  });
});

describe("the nearest record", () => {
  test("of several earlier builds is the one that differs least", async () => {
    const options = { root: fresh({}).root, outputs: ["type=cacheonly"], ...on("COPY d /d/") };
    await buildOnly({ ...options, files: { "d/a": "1", "d/b": "1", "d/c": "1" } });
    await buildOnly({ ...options, files: { "d/a": "2", "d/b": "2", "d/c": "2" } });
    expect(await told({ ...options, files: { "d/a": "1", "d/b": "1", "d/c": "3" } })).toEqual({
      "COPY d /d/": ["d/c: content changed"],
    });
  });

  test("is never one of another project, whatever is alike", async () => {
    const root = fresh({}).root;
    const projects = [tempFolder(), tempFolder()];
    for (const [at, folder] of projects.entries()) {
      mkdirSync(join(folder, "d"));
      for (const name of ["p", "q", "r"]) writeFileSync(join(folder, "d", `${at}${name}`), name);
      writeFileSync(join(folder, "Dockerfile"), "FROM scratch\nCOPY d /d\n");
    }
    const options = { root, outputs: ["type=cacheonly"] };
    await buildOnly({ ...options, context: projects[0]! });
    expect(await told({ ...options, context: projects[1]! })).toEqual({
      "COPY d /d": ["no earlier build is known"],
    });
    writeFileSync(join(projects[1]!, "d", "1p"), "other");
    expect(await told({ ...options, context: projects[1]! })).toEqual({ "COPY d /d": ["d/1p: content changed"] });
  });

  test("for a clone elsewhere is the one that has read mostly the same files", async () => {
    const root = fresh({}).root;
    const clone = (content: string): string => {
      const folder = tempFolder();
      for (const name of ["p", "q", "r", "s"]) writeFileSync(join(folder, name), name === "p" ? content : name);
      writeFileSync(join(folder, "Dockerfile"), "FROM scratch\nCOPY . /d\n");
      return folder;
    };
    const options = { root, outputs: ["type=cacheonly"] };
    await buildOnly({ ...options, context: clone("1") });
    expect(await told({ ...options, context: clone("1") })).toEqual({});
    expect(await told({ ...options, context: clone("2") })).toEqual({ "COPY . /d": ["p: content changed"] });
  });

  test("survives a build that failed half-way", async () => {
    const executor = fakeExecutor((spec) => (spec.args[2] === "fail" ? { exitCode: 1 } : []));
    const dockerfile = (command: string): string => `FROM scratch\nCOPY a /\nRUN ${command}\n`;
    const options = { root: fresh({}).root, outputs: ["type=cacheonly"], executor };
    await buildOnly({ ...options, files: { a: "1" }, dockerfile: dockerfile("fail") }).catch(() => {});
    expect(await told({ ...options, files: { a: "2" }, dockerfile: dockerfile("work") })).toMatchObject({
      "COPY a /": ["a: content changed"],
    });
  });
});

describe("without records", () => {
  test.each(["steps", "builds", "layers"])(
    "K5: what is left of %s explains what it can, and the image is right",
    async (part) => {
      const options = fresh({ ...withFiles({ "d/a": "1" }), outputs: ["type=cacheonly"], sourceDateEpoch: 1 });
      await buildOnly(options);
      const good = await buildOnly({ ...options, ...withFiles({ "d/a": "2" }), root: fresh({}).root });
      for (const path of storeFiles(join(options.root, part))) truncateSync(path, 40);
      const again = await buildOnly({ ...options, ...withFiles({ "d/a": "2" }), explain: true });
      expect(again.digest).toBe(good.digest);
      expect(Object.values(causesOf(again.events)).flat()).toHaveLength(1);
    },
  );

  test("a layer that is gone is said to be", async () => {
    const options = fresh({ ...withFiles({ "d/a": "1" }), outputs: ["type=cacheonly"] });
    await buildOnly(options);
    rmSync(join(options.root, "layers"), { recursive: true });
    rmSync(join(options.root, "images"), { recursive: true, force: true });
    expect(await told(options)).toEqual({ "COPY d /d/": ["its layer is no longer in the store"] });
  });

  test("K4: what cannot be remembered is said once, and the build goes on", async () => {
    const options = fresh({ ...withFiles({ "d/a": "1" }), outputs: ["type=cacheonly"], explain: true });
    mkdirSync(options.root, { recursive: true, mode: 0o700 });
    for (const part of ["builds", "steps"]) writeFileSync(join(options.root, part), "in the way");
    const { warnings, events } = await buildOnly(options);
    expect(warnings).toHaveLength(2);
    expect(Object.values(causesOf(events)).flat()).toMatchObject([{ kind: "first-build" }]);
    expect((await buildOnly(options)).ran).toEqual(["COPY d /d/"]);
  });

  test("K13: a journal of another version is left alone and explains nothing", async () => {
    const options = fresh({ ...withFiles({ "d/a": "1" }), outputs: ["type=cacheonly"] });
    mkdirSync(join(options.root, "builds", "v2"), { recursive: true, mode: 0o700 });
    writeFileSync(join(options.root, "builds", "v2", "x"), "other");
    await buildOnly(options);
    expect(readFileSync(join(options.root, "builds", "v2", "x"), "utf8")).toBe("other");
  });
});

describe("requireCache", () => {
  test("takes what is there and fails at the first step that is not, with the causes", async () => {
    const options = fresh({
      ...on("COPY a /\nCOPY b /"),
      files: FILES,
      requireCache: true,
      outputs: ["type=cacheonly"],
    });
    await expect(buildOnly(options)).rejects.toMatchObject({
      code: "CACHE_MISS",
      message: '"COPY a /" is not in the cache: no earlier build is known',
      details: { step: "COPY a /", stage: "0", causes: ["no earlier build is known"] },
      location: { line: 2 },
    });
    const { digest } = await buildOnly({ ...options, requireCache: false });
    expect((await buildOnly(options)).digest).toBe(digest);
    const changed = { ...options, files: { ...FILES, b: { content: "1", mode: 0o600 } } };
    await expect(buildOnly(changed)).rejects.toMatchObject({
      code: "CACHE_MISS",
      message: '"COPY b /" is not in the cache: b: content changed, mode 0644 → 0600',
      location: { line: 3 },
    });
    await expect(buildOnly({ ...options, noCache: true })).rejects.toMatchObject({ code: "OPTIONS_INVALID" });
  });
});

test("requireCache in a new store names the first step, whatever commands there are", async () => {
  for (const steps of ["COPY a /\nRUN make", "RUN make"]) {
    const options = fresh({ ...on(steps), files: FILES, outputs: ["type=cacheonly"], executor: "none" });
    await expect(buildOnly({ ...options, requireCache: true })).rejects.toMatchObject({ code: "CACHE_MISS" });
  }
});

test("requireCache needs no executor", async () => {
  const executor = fakeExecutor(() => []);
  const options = fresh({ ...on("COPY a /\nRUN make"), files: FILES, outputs: ["type=cacheonly"] });
  await buildOnly({ ...options, executor });
  await buildOnly({ ...options, executor: "none", requireCache: true });
});

describe("K9: contextModes", () => {
  const modes = (file: number, program: number, folder: number): MemoryFiles => ({
    d: { type: "dir", mode: folder },
    "d/file": { content: "1", mode: file },
    "d/program": { content: "2", mode: program },
  });

  test("as git has them make checkouts of different umasks equal, and nothing else", async () => {
    const options = fresh({
      dockerfile: "FROM scratch\nCOPY d /d/\n",
      contextModes: "git",
      outputs: ["type=cacheonly"],
    });
    await buildOnly({ ...options, files: modes(0o644, 0o755, 0o755) });
    expect(await told({ ...options, files: modes(0o664, 0o775, 0o775) })).toEqual({});
    expect(await told({ ...options, files: modes(0o600, 0o700, 0o700) })).toEqual({});
    const kept = { ...options, contextModes: "keep" } as const;
    expect(await told({ ...kept, files: modes(0o600, 0o700, 0o700) })).toMatchObject({
      "COPY d /d/": ["d: mode 0755 → 0700", "d/file: mode 0644 → 0600", "d/program: mode 0755 → 0700"],
    });
    expect(await told({ ...options, files: modes(0o755, 0o755, 0o755) })).toEqual({
      "COPY d /d/": ["d/file: mode 0644 → 0755"],
    });
  });
});

/** Every file below `folder`. */
function storeFiles(folder: string): string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name));
}
