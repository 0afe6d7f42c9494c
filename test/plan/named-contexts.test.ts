import { describe, expect, it } from "vitest";
import { baseImage, plan, planStage, problemOf } from "../support/plan.js";

const files = { kind: "files" } as const;

describe("named contexts", () => {
  it("stand in for images that FROM and COPY --from name, however the name is spelled", async () => {
    const text = "FROM docker.io/library/app:latest\nCOPY --from=tools a /\nCOPY --from=other:1 b /\n";
    const contexts = { app: files, "docker.io/library/tools": files, "other:1": files };
    const stage = await planStage(text, { contexts });
    expect(stage.base).toEqual({ kind: "named-context", name: "app" });
    expect(stage.config.config.WorkingDir).toBe("/");
    expect(stage.steps).toMatchObject([
      { from: { kind: "named-context", name: "docker.io/library/tools" } },
      { from: { kind: "named-context", name: "other:1" } },
    ]);
  });

  it("may be images, layouts or nothing", async () => {
    const images = { real: baseImage({ User: "r" }), "oci-layout:///l:1": baseImage({ User: "l" }) };
    const contexts = {
      a: { kind: "image", reference: "real" },
      b: { kind: "layout", reference: "oci-layout:///l:1" },
      c: { kind: "image", reference: "scratch" },
    } as const;
    const a = await planStage("FROM a\nRUN --mount=from=b,target=/m x\nCOPY --from=c x /\n", { images, contexts });
    expect(a.base).toMatchObject({ kind: "image", reference: "real" });
    expect(a.config.config.User).toBe("r");
    expect(a.steps).toMatchObject([
      { mounts: [{ from: { kind: "image", reference: "oci-layout:///l:1" } }] },
      { from: { kind: "scratch" } },
    ]);
  });

  it("replace a stage with all its steps and all that only it needs", async () => {
    const text = "FROM nosuch AS build\nRUN exit 1\nFROM scratch\nCOPY --from=build /x /\n";
    const { stages } = await plan(text, { contexts: { build: files } });
    expect(stages).toHaveLength(1);
    expect(stages[0]!.steps).toMatchObject([{ from: { kind: "named-context", name: "build" } }]);
  });

  it("replace a stage that another is built on, or that is the target", async () => {
    const text = "FROM scratch AS base\nENV A=1\nFROM base\nLABEL a=b\n";
    const images = { real: baseImage({ User: "r", OnBuild: ["ENV A=2"] }) };
    const contexts = { base: { kind: "image", reference: "real" } } as const;
    const stage = await planStage(text, { contexts, images });
    expect(stage.base).toMatchObject({ kind: "image", reference: "real" });
    expect(stage.config.config.User).toBe("r");
    expect(stage.steps.map((step) => step.createdBy)).toEqual(["LABEL a=b"]);
    const target = await planStage(text, { contexts, images, target: "base" });
    expect(target).toMatchObject({ base: { kind: "image", reference: "real" }, steps: [] });
  });

  it("may be for one platform only", async () => {
    const contexts = { "app::linux/arm64": files, app: { kind: "image", reference: "busybox" } } as const;
    const { stages } = await plan("FROM app\n", { contexts, platforms: ["linux/amd64", "linux/arm64/v8"] });
    expect(stages.map((stage) => stage.base.kind)).toEqual(["image", "named-context"]);
  });

  it("cannot replace scratch, and need the name of an image or stage", async () => {
    const stage = await planStage("FROM scratch\n", { contexts: { scratch: files } });
    expect(stage.base).toEqual({ kind: "scratch" });
    const error = await problemOf("FROM scratch\n", { contexts: { "No Name": files } });
    expect(error.code).toBe("OPTIONS_INVALID");
  });
});
