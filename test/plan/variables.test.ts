import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { isOcibuildError } from "../../src/errors.js";
import { MAGIC_NAMES } from "../support/magic-names.js";
import { baseImage, historyOf, lastStep, plan, planStage, problemOf } from "../support/plan.js";

function table<Row>(name: string): readonly Row[] {
  const url = new URL(`../fixtures/conformance/tables/${name}.json`, import.meta.url);
  return (JSON.parse(readFileSync(url, "utf8")) as { rows: Row[] }).rows;
}

const DEFAULT_PATH = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

describe("ENV", () => {
  const rows = table<{ text: string; env?: string[]; error?: string }>("pairs");

  it.each(rows)("reads $text as BuildKit does", async ({ text, env, error }) => {
    const dockerfile = `FROM scratch\nARG X="v w" K=KEY\nENV ${text}\n`;
    if (error === undefined) {
      const { config } = await planStage(dockerfile);
      expect(config.config.Env).toEqual([DEFAULT_PATH, ...env!]);
    } else {
      expect((await problemOf(dockerfile)).message).toContain(error);
    }
  });

  it("sees the variables as they were before the line", async () => {
    const { config } = await planStage("FROM scratch\nENV A=1\nENV A=2 B=$A\nENV C=$A\n");
    expect(config.config.Env).toEqual([DEFAULT_PATH, "A=2", "B=1", "C=2"]);
  });

  it("keeps the place of a variable that the base has", async () => {
    const images = { base: baseImage({ Env: ["A=1", "PATH=/bin", "B=2"] }) };
    const { config } = await planStage("FROM base\nENV A=x\n", { images });
    expect(config.config.Env).toEqual(["A=x", "PATH=/bin", "B=2"]);
  });

  it("gives a base without PATH the usual one, but not on Windows", async () => {
    const images = { base: baseImage({ Env: ["A=1"] }), win: baseImage({}, { os: "windows" }) };
    expect((await planStage("FROM base\n", { images })).config.config.Env).toEqual(["A=1", DEFAULT_PATH]);
    const windows = await planStage("FROM win\n", { images, platforms: ["windows/amd64"] });
    expect(windows.config.config.Env).toBeUndefined();
  });
});

describe("ARG", () => {
  it("before FROM is seen by FROM, and by stages that declare it", async () => {
    const text = "ARG V=box\nFROM busy$V\nLABEL a=[$V]\nARG V\nLABEL b=[$V]\n";
    expect((await planStage(text)).config.config.Labels).toEqual({ a: "[]", b: "[box]" });
  });

  it("prefers --build-arg to the default, and the default to the global value", async () => {
    const text = "ARG A=g B=g C=g\nFROM scratch\nARG A B=d C=d\nLABEL v=$A$B$C\n";
    const { config } = await planStage(text, { buildArgs: { C: "x" } });
    expect(config.config.Labels).toEqual({ v: "gdx" });
  });

  it("is not expanded where --build-arg takes its place", async () => {
    expect(await historyOf("FROM scratch\nARG A=${B:?must}\n", { buildArgs: { A: "1" } })).toEqual(["ARG A=1"]);
    expect((await problemOf("FROM scratch\nARG A=${B:?must}\n")).message).toContain("B: must");
  });

  it("reaches the stages built on the stage, where ENV wins", async () => {
    const text = "FROM scratch AS a\nARG X=arg Y=arg\nENV Y=env\nARG Y=late\nLABEL a=$X$Y\nFROM a\nLABEL b=$X$Y\n";
    expect((await planStage(text)).config.config.Labels).toEqual({ a: "arglate", b: "argenv" });
  });

  it("stands in the history of RUN once each, in order of first declaration", async () => {
    const text = "FROM busybox\nARG B=1 A\nARG B=2\nRUN true\n";
    expect((await historyOf(text)).at(-1)).toBe("RUN |2 B=2 A= /bin/sh -c true");
  });

  it("is in the environment of RUN but not in the config", async () => {
    const { steps, config } = await planStage("FROM busybox\nARG A=1 NONE\nENV B=2\nRUN true\n");
    const run = steps.at(-1)!;
    expect(run.kind === "run" && run.env).toEqual(["A=1", "B=2", DEFAULT_PATH]);
    expect(config.config.Env).toEqual([DEFAULT_PATH, "B=2"]);
  });

  it("points at the word that cannot be expanded", async () => {
    const error = await problemOf("FROM scratch\nLABEL a=b \\\n  c=${X!}\n");
    expect(error.code).toBe("PLAN_INVALID");
    expect(error.location).toMatchObject({ file: "Dockerfile", line: 3, column: 5 });
    expect(error.hint).toBeDefined();
  });
});

describe("platform ARGs", () => {
  interface Image {
    readonly os: string;
    readonly architecture: string;
  }
  interface Row {
    readonly platform: string;
    readonly error?: string;
    readonly targetplatform: string;
    readonly targetos: string;
    readonly targetarch: string;
    readonly targetvariant: string;
    readonly image: Image;
  }
  const rows = table<Row>("platforms").filter((row) => row.error === undefined && !row.platform.includes(","));
  const TEXT = `FROM scratch
ARG TARGETPLATFORM TARGETOS TARGETARCH TARGETVARIANT
LABEL p=$TARGETPLATFORM o=$TARGETOS a=$TARGETARCH v=$TARGETVARIANT
`;

  it.each(rows)("say what BuildKit's say for --platform $platform", async (row) => {
    const stage = await planStage(TEXT, { platforms: [row.platform] });
    const { targetplatform: p, targetos: o, targetarch: a, targetvariant: v } = row;
    const { config, ...platform } = stage.config;
    expect(config.Labels).toEqual({ p, o, a, v });
    expect(platform).toEqual(row.image);
  });

  it("tell the build's own platform and the stage asked for", async () => {
    const text =
      "FROM scratch AS one\nARG BUILDPLATFORM BUILDARCH TARGETSTAGE\nLABEL v=$BUILDPLATFORM,$BUILDARCH,$TARGETSTAGE\nFROM one\n";
    expect((await planStage(text, { target: "one" })).config.config.Labels).toEqual({ v: "linux/amd64,amd64,one" });
    expect((await planStage(text)).config.config.Labels).toEqual({ v: "linux/amd64,amd64,default" });
  });

  it("can be overridden", async () => {
    const stage = await planStage(TEXT, { buildArgs: { TARGETARCH: "pdp11" } });
    expect(stage.config.config.Labels).toMatchObject({ a: "pdp11" });
  });

  it("leave the result to its base image when no platform is asked for", async () => {
    const images = { arm: baseImage({}, { architecture: "arm64" }) };
    expect((await planStage("FROM arm\n", { images })).config).toMatchObject({ os: "linux", architecture: "arm64" });
    const asked = await planStage("FROM arm\n", { images, platforms: ["linux/amd64"] });
    expect(asked.config).toMatchObject({ os: "linux", architecture: "amd64" });
  });
});

describe("proxy build args", () => {
  it("reach RUN without ARG, in both spellings, beside the environment", async () => {
    const buildArgs = { http_proxy: "http://p:1", NO_PROXY: "localhost", FTP_PROXY: "" };
    const step = await lastStep("FROM busybox\nRUN true\n", "run", { buildArgs });
    expect(step.proxyEnv).toEqual([
      "HTTP_PROXY=http://p:1",
      "NO_PROXY=localhost",
      "http_proxy=http://p:1",
      "no_proxy=localhost",
    ]);
    expect(step.env).toEqual([DEFAULT_PATH]);
    expect(step.createdBy).toBe("RUN /bin/sh -c true");
  });
});

describe("threats", () => {
  it("L2: nothing of the host's environment enters, declared or not", async () => {
    process.env["OCIBUILD_TEST_CANARY"] = "canary";
    try {
      const images = { base: baseImage({ Env: ["OCIBUILD_TEST_CANARY", "PATH=/bin"] }) };
      const text =
        "ARG HOME\nFROM base\nARG OCIBUILD_TEST_CANARY HOME USER\nLABEL a=$OCIBUILD_TEST_CANARY$HOME\nRUN true\n";
      const made = await plan(text, { images });
      expect(JSON.stringify(made.stages[0]!.steps)).not.toContain("canary");
      const step = made.stages[0]!.steps.at(-1)!;
      expect(step.kind === "run" && step.env).toEqual(["OCIBUILD_TEST_CANARY=", "PATH=/bin"]);
      expect(made.stages[0]!.config.config.Labels).toEqual({ a: "" });
    } finally {
      delete process.env["OCIBUILD_TEST_CANARY"];
    }
  });

  it("C2: 64 doublings end in an error that names the limit", async () => {
    const error = await problemOf(`FROM scratch\nENV A=0123456789\n${"ENV A=$A$A\n".repeat(64)}`);
    expect(error.code).toBe("LIMIT_EXCEEDED");
    expect(error.details).toMatchObject({ limit: "expanded word" });
    expect(error.location?.line).toBeGreaterThan(2);
  });

  it("C2: an environment over 4 MiB is refused", async () => {
    const big = "x".repeat(1024 * 1024);
    const lines = ["A", "B", "C", "D", "E"].map((name) => `ENV ${name}=$BIG`).join("\n");
    const error = await problemOf(`FROM scratch\nARG BIG\n${lines}\n`, { buildArgs: { BIG: big } });
    expect(error.code).toBe("LIMIT_EXCEEDED");
    expect(error.details).toMatchObject({ limit: "environment" });
  });

  it("C2: many long lines are refused before they fill the memory", async () => {
    const big = "x".repeat(1024 * 1024);
    const error = await problemOf(`FROM scratch\nARG BIG\n${"LABEL a=$BIG\n".repeat(200)}`, {
      buildArgs: { BIG: big },
    });
    expect(error.details).toMatchObject({ limit: "text of the plan" });
  });

  it("C2: thousands of port ranges are refused before they fill the memory", async () => {
    const error = await problemOf(`FROM scratch\nEXPOSE${" 0-65535".repeat(5000)}\n`);
    expect(error.details).toMatchObject({ limit: "text of the plan" });
  });

  it.each(MAGIC_NAMES)("C4: %s is a name like any other, wherever a name may stand", async (name) => {
    const text = `ARG ${name}=global
FROM scratch
ARG ${name}
LABEL ${name}=$${name} other=\${${name}:+set}
ENV ${name}=env
VOLUME ${name}
RUN --mount=type=cache,target=/c,id=${name} true
RUN --mount=type=secret,id=${name} true
`;
    const { stages } = await plan(text, { labels: new Map([[`${name}2`, "x"]]) });
    const { steps, config } = stages[0]!;
    expect(Object.entries(config.config.Labels!)).toContainEqual([name, "global"]);
    expect(Object.entries(config.config.Labels!)).toContainEqual(["other", "set"]);
    expect(Object.entries(config.config.Labels!)).toContainEqual([`${name}2`, "x"]);
    expect(Object.keys(config.config.Volumes!)).toEqual([name]);
    expect(config.config.Env).toContain(`${name}=env`);
    expect(JSON.parse(JSON.stringify(config.config.Labels)) as object).toHaveProperty([name]);
    const mounts = steps.flatMap((step) => (step.kind === "run" ? step.mounts : []));
    expect(mounts.map((mount) => "id" in mount && mount.id)).toEqual([name, name]);
    expect(({} as Record<string, unknown>)["polluted"]).toBeUndefined();
    expect(Object.keys(Object.prototype)).toEqual([]);
  });

  it.each(MAGIC_NAMES.filter((name) => /^[a-z]/i.test(name)))("C4: %s can be a stage", async (name) => {
    const found = await problemOf(`FROM scratch AS a\nCOPY --from=${name.toLowerCase()} x /\n`);
    expect(isOcibuildError(found, "IMAGE_NOT_FOUND")).toBe(true);
    const stage = await planStage(`FROM scratch AS ${name}\nFROM scratch\nCOPY --from=${name} x /\n`);
    expect(stage.steps[0]).toMatchObject({ from: { kind: "stage", stage: "0@linux/amd64" } });
  });
});
