import { describe, expect, it } from "vitest";
import { baseImage, historyOf, plan, planStage, problemOf } from "../support/plan.js";

describe("stages", () => {
  it("that the target does not need are gone, and their images are not asked for", async () => {
    const asked: string[] = [];
    const text = "FROM nosuch AS unused\nRUN x\nFROM busybox AS a\nFROM scratch\nCOPY --from=a /x /\n";
    const { stages, targets } = await plan(text, { onResolve: (reference) => asked.push(reference) });
    expect(stages.map((stage) => stage.id)).toEqual(["1@linux/amd64", "2@linux/amd64"]);
    expect(targets).toEqual([{ platform: { os: "linux", architecture: "amd64" }, stage: "2@linux/amd64" }]);
    expect(asked).toEqual(["busybox"]);
  });

  it("that nobody needs may hold what cannot be planned, but not what cannot be read", async () => {
    await expect(plan("FROM scratch\nEXPOSE x\nFROM scratch\n")).resolves.toBeDefined();
    expect((await problemOf("FROM Bad\nFROM scratch\n")).message).toBe(
      'failed to parse stage name "Bad": invalid reference format: repository name (library/Bad) must be lowercase',
    );
    expect((await problemOf("FROM scratch\nCOPY --from=7 a /\nFROM scratch\n")).message).toBe("invalid stage index 7");
  });

  it("hand config, variables and working directory to stages built on them, not what CMD was written where", async () => {
    const text = `FROM scratch AS a
USER u
WORKDIR /w
EXPOSE 80
CMD ["a"]
FROM a
COPY x .
ENTRYPOINT ["e"]
`;
    const stage = await planStage(text);
    expect(stage.base).toEqual({ kind: "stage", stage: "0@linux/amd64" });
    expect(stage.config.config).toMatchObject({ User: "u", WorkingDir: "/w", ExposedPorts: { "80/tcp": {} } });
    expect(stage.config.config.Cmd).toBeUndefined();
    expect(stage.steps[0]).toMatchObject({ destination: "/w/" });
  });

  it("are found by name whatever the case, by index, and the last of equal names counts", async () => {
    const text = "FROM scratch AS a\nFROM scratch AS A\nFROM scratch\nCOPY --from=A x /\nCOPY --from=0 x /\n";
    const { steps } = await planStage(text);
    expect(steps.map((step) => step.kind === "copy" && step.from)).toEqual([
      { kind: "stage", stage: "1@linux/amd64" },
      { kind: "stage", stage: "0@linux/amd64" },
    ]);
  });

  it("may be named like the image they start from", async () => {
    const stage = await planStage("FROM busybox AS busybox\nFROM busybox\n");
    expect(stage.base).toEqual({ kind: "stage", stage: "0@linux/amd64" });
  });

  it("that copy from a later one are refused", async () => {
    const error = await problemOf("FROM scratch AS one\nCOPY --from=two a /\nFROM scratch AS two\nFROM one\n");
    expect(error.message).toBe('cannot copy from stage "two", it needs to be defined before current stage "one"');
    expect(error.location).toMatchObject({ line: 2, column: 13 });
  });

  it("that need each other are refused, with the way around", async () => {
    const error = await problemOf(
      "FROM scratch AS a\nCOPY --from=c x /\nFROM scratch AS b\nCOPY --from=a x /\nFROM scratch AS c\nCOPY --from=b x /\n",
    );
    expect(error.message).toBe("circular dependency detected on stage: a");
    expect(error.hint).toBe("The way around: a needs c needs b needs a.");
  });

  it("C1: of a chain of 4,000 are no trouble", async () => {
    const links = Array.from({ length: 4000 }, (_, index) => `FROM scratch\nCOPY --from=${index} x /\n`).join("");
    expect((await plan(`FROM scratch\n${links}`)).stages).toHaveLength(4001);
    const ring = Array.from(
      { length: 4000 },
      (_, index) => `FROM scratch\nCOPY --from=${(index + 1) % 4000} x /\n`,
    ).join("");
    expect((await problemOf(ring)).message).toBe("circular dependency detected on stage: stage-0");
  });

  it("take no variables in --from", async () => {
    const error = await problemOf("ARG A=a\nFROM scratch AS a\nFROM scratch\nCOPY --from=$A x /\n");
    expect(error.message).toContain("variable expansion is not supported for --from");
    expect(error.hint).toContain("FROM $A AS source");
  });
});

describe("the target", () => {
  const TEXT = "FROM scratch AS builder\nLABEL a=b\nFROM scratch\n";

  it("is the last stage, or the named one", async () => {
    expect((await planStage(TEXT)).index).toBe(1);
    expect((await planStage(TEXT, { target: "" })).index).toBe(1);
    expect((await planStage(TEXT, { target: "Builder" })).name).toBe("builder");
  });

  it("that does not exist is refused, with the nearest name", async () => {
    const error = await problemOf(TEXT, { target: "bilder" });
    expect(error.code).toBe("PLAN_UNKNOWN_TARGET");
    expect(error.message).toBe('target stage "bilder" could not be found (did you mean builder?)');
    expect(error.details).toEqual({ target: "bilder", stages: ["builder", "stage-1"] });
  });

  it("gets the labels of the command line, which win and leave no history", async () => {
    const stage = await planStage(TEXT, { target: "builder", labels: { a: "x", z: "y" } });
    expect(stage.config.config.Labels).toEqual({ a: "x", z: "y" });
    expect(stage.steps.map((step) => step.createdBy)).toEqual(["LABEL a=b"]);
  });
});

describe("base images", () => {
  it("that are not found say where, and what may have been meant", async () => {
    const error = await problemOf("FROM scratch AS builder\nFROM bulder\n");
    expect(error.code).toBe("IMAGE_NOT_FOUND");
    expect(error.message).toBe('image "bulder" was not found (did you mean builder?)');
    expect(error.location).toMatchObject({ line: 2 });
  });

  it("are asked for once, however often they are named", async () => {
    const asked: string[] = [];
    const text = "FROM busybox AS a\nFROM busybox\nCOPY --from=a x /\nCOPY --from=busybox y /\n";
    const stage = await planStage(text, { onResolve: (reference) => asked.push(reference) });
    expect(asked).toEqual(["busybox"]);
    expect(stage.steps[1]).toMatchObject({ from: { kind: "image", reference: "busybox" } });
  });

  it("hand on author, health check, shell and the rest", async () => {
    const config = {
      User: "u",
      Entrypoint: ["e"],
      Cmd: ["c"],
      Shell: ["/s", "-c"],
      StopSignal: "SIGINT",
      Volumes: { "/v": {} },
      Healthcheck: { Test: ["CMD", "x"], Interval: 5 },
      Labels: { l: "1" },
    };
    const images = { base: baseImage(config, { author: "me", variant: "v2" }) };
    const stage = await planStage("FROM base\nRUN x\n", { images });
    expect(stage.config).toMatchObject({ author: "me", variant: "v2", config });
    expect(stage.steps[0]).toMatchObject({ args: ["/s", "-c", "x"], user: "u" });
  });

  it.each([
    ["FROM $NOPE", "base name ($NOPE) should not be blank"],
    ["FROM --platform=$NOPE busybox", "empty platform value from expression $NOPE"],
    ["FROM --platform=nonsense busybox", "failed to parse platform nonsense"],
    ["FROM scratch AS a..b", "invalid context name a..b: invalid reference format"],
  ])("%s is refused", async (text, message) => {
    const error = await problemOf(`${text}\n`);
    expect(error.code).toBe("PLAN_INVALID");
    expect(error.message).toContain(message);
    expect(error.location?.line).toBe(1);
  });

  it("stop being asked for when the signal says so", async () => {
    const controller = new AbortController();
    controller.abort(new Error("enough"));
    await expect(plan("FROM busybox\n", { signal: controller.signal })).rejects.toThrow("enough");
  });
});

describe("ONBUILD", () => {
  const trigger = (...triggers: string[]) => ({ base: baseImage({ OnBuild: triggers, Env: ["PATH=/bin"] }) });

  it("triggers of a base image run first, once, and are not handed on", async () => {
    const images = trigger("ENV A=trigger", 'RUN ["x"]');
    const text = "FROM base AS a\nENV A=own\nFROM a\n";
    const { stages } = await plan(text, { images });
    expect(stages[0]!.steps.map((step) => [step.createdBy, step.onbuild])).toEqual([
      ["ENV A=trigger", true],
      ["RUN x", true],
      ["ENV A=own", false],
    ]);
    expect(stages[0]!.config.config.OnBuild).toBeUndefined();
    expect(stages[1]!.steps).toEqual([]);
  });

  it("lines are kept for the builds on the image, and fire in a stage built on theirs", async () => {
    const text = "FROM scratch AS a\nONBUILD LABEL x=$V\nARG V=1\nFROM a AS b\nFROM b\n";
    const a = await planStage(text, { target: "a" });
    expect(a.config.config.OnBuild).toEqual(["LABEL x=$V"]);
    expect(a.steps.map((step) => step.createdBy)).toEqual(["ARG V=1"]);
    const b = await planStage(text, { target: "b" });
    expect(b.config.config).toMatchObject({ Labels: { x: "1" } });
    expect(b.config.config.OnBuild).toBeUndefined();
    expect((await planStage(text)).steps).toEqual([]);
  });

  it("triggers may bring images and stages that nothing else needs", async () => {
    const images = { ...trigger("COPY --from=tools /t /", "COPY --from=side /s /"), tools: baseImage({}) };
    const { stages } = await plan("FROM scratch AS side\nFROM base\n", { images });
    expect(stages.map((stage) => stage.index)).toEqual([0, 1]);
    expect(stages[1]!.steps).toMatchObject([
      { from: { kind: "image", reference: "tools" } },
      { from: { kind: "stage", stage: "0@linux/amd64" } },
    ]);
  });

  it.each([
    ["NOSUCH x", "unknown instruction: NOSUCH"],
    ["FROM x", "FROM isn't allowed as an ONBUILD trigger"],
    ["ENV a=b\nENV c=d", "onbuild trigger should be a single expression"],
    ["COPY --nosuch a b", "unknown flag: --nosuch"],
    ["ENV a=${x!}", "unsupported modifier (!) in substitution"],
  ])("D8: the trigger %j of a base image is an error at FROM", async (text, message) => {
    const error = await problemOf("FROM scratch AS a\nFROM base\nLABEL a=b\n", { images: trigger(text) });
    expect(error.message).toContain(message);
    expect(error.location?.line).toBe(2);
  });

  it("D8: 2,000 triggers are no trouble", async () => {
    const images = trigger(...Array.from({ length: 2000 }, (_, index) => `ENV A${index}=1`));
    expect(await historyOf("FROM base\n", { images })).toHaveLength(2000);
  });
});
