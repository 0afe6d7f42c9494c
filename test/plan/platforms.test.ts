import { describe, expect, it } from "vitest";
import type { BuildPlan } from "../../src/plan/build-plan.js";
import { plan } from "../support/plan.js";

const BOTH = { platforms: ["linux/amd64", "linux/arm64"] };
const ids = ({ stages }: BuildPlan): string[] => stages.map((stage) => stage.id);

describe("several platforms", () => {
  it("have stages of their own", async () => {
    const asked: string[] = [];
    const made = await plan("FROM busybox AS a\nFROM a\n", {
      ...BOTH,
      onResolve: (reference, platform) => asked.push(`${reference} ${platform}`),
    });
    expect(ids(made)).toEqual(["0@linux/amd64", "1@linux/amd64", "0@linux/arm64", "1@linux/arm64"]);
    expect(made.targets.map((target) => target.stage)).toEqual(["1@linux/amd64", "1@linux/arm64"]);
    expect(made.stages.map((stage) => stage.config.architecture)).toEqual(["amd64", "amd64", "amd64", "arm64"]);
    expect(asked).toEqual(["busybox linux/amd64", "busybox linux/arm64"]);
  });

  it("share a stage that is pinned and does not ask what it is for", async () => {
    const made = await plan(
      "FROM --platform=$BUILDPLATFORM busybox AS build\nRUN make\nFROM scratch\nCOPY --from=build /x /\n",
      BOTH,
    );
    expect(ids(made)).toEqual(["0@linux/amd64", "1@linux/amd64", "1@linux/arm64"]);
    const sources = made.stages.slice(1).map((stage) => stage.steps[0]!);
    expect(sources.map((step) => step.kind === "copy" && step.from)).toEqual([
      { kind: "stage", stage: "0@linux/amd64" },
      { kind: "stage", stage: "0@linux/amd64" },
    ]);
  });

  it("keep a pinned stage apart that asks what it is for, and all that is built on it", async () => {
    const made = await plan(
      `FROM --platform=$BUILDPLATFORM busybox AS tools
FROM tools AS build
ARG TARGETARCH
RUN make
FROM build AS packed
FROM scratch
COPY --from=packed /x /
RUN --mount=from=packed,target=/m x
`,
      BOTH,
    );
    expect(ids(made)).toEqual([
      "0@linux/amd64",
      "1@linux/amd64",
      "2@linux/amd64",
      "3@linux/amd64",
      "1@linux/amd64->linux/arm64",
      "2@linux/amd64->linux/arm64",
      "3@linux/arm64",
    ]);
    expect(made.stages[5]!.base).toEqual({ kind: "stage", stage: "1@linux/amd64->linux/arm64" });
    expect(made.stages[6]!.steps).toMatchObject([
      { from: { stage: "2@linux/amd64->linux/arm64" } },
      { mounts: [{ from: { stage: "2@linux/amd64->linux/arm64" } }] },
    ]);
    expect(made.stages[4]!.steps[1]).toMatchObject({ env: expect.arrayContaining(["TARGETARCH=arm64"]) as unknown });
  });

  it("asked for twice are one stage and two targets", async () => {
    const made = await plan("FROM scratch\n", { platforms: ["linux/arm64", "linux/arm64/v8"] });
    expect(ids(made)).toEqual(["0@linux/arm64"]);
    expect(made.targets.map((target) => target.stage)).toEqual(["0@linux/arm64", "0@linux/arm64"]);
  });

  it("put every stage after those it reads", async () => {
    const made = await plan(
      "FROM scratch AS a\nFROM busybox AS b\nCOPY --from=a x /\nFROM a\nCOPY --from=b x /\nRUN --mount=from=b,target=/m x\n",
      BOTH,
    );
    const seen = new Set<string>();
    for (const stage of made.stages) {
      const steps = stage.steps.flatMap((step) =>
        step.kind === "copy"
          ? [step.from]
          : step.kind === "run"
            ? step.mounts.flatMap((m) => ("from" in m ? [m.from] : []))
            : [],
      );
      for (const source of [stage.base, ...steps]) {
        if (source.kind === "stage") expect(seen).toContain(source.stage);
      }
      seen.add(stage.id);
    }
  });
});
