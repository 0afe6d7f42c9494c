/** Whole plans against committed JSON: `OCIBUILD_UPDATE_GOLDENS=1` writes them anew, to be reviewed as code. */
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { isOcibuildError } from "../../src/errors.js";
import { baseImage, type PlanOptions, plan, problemOf } from "../support/plan.js";

const folder = new URL("../fixtures/plan/", import.meta.url);
const names = readdirSync(folder).flatMap((file) => (file.endsWith(".Dockerfile") ? [file.slice(0, -11)] : []));

const OPTIONS: Readonly<Record<string, PlanOptions>> = {
  "multi-platform": { platforms: ["linux/amd64", "linux/arm64"] },
  "node-app": {
    images: { "node:24": baseImage({ Env: ["PATH=/usr/bin", "NODE_VERSION=24"], Cmd: ["node"] }, { author: "n" }) },
    buildArgs: { VERSION: "1.2.3" },
    labels: { "org.example.from": "command line" },
  },
};

/** The plan as `ocibuild plan` would print it; of base images the config only. */
function shown(value: unknown): string {
  const onlyConfig = (key: string, member: unknown): unknown =>
    key === "image" && typeof member === "object" && member !== null && "config" in member
      ? { config: member.config }
      : member;
  return `${JSON.stringify(value, onlyConfig, 2)}\n`;
}

describe("planBuild", () => {
  it.each(names)("makes the plan of %s that is on record", async (name) => {
    const text = readFileSync(new URL(`${name}.Dockerfile`, folder), "utf8");
    const made = shown(await plan(text, OPTIONS[name] ?? {}));
    const golden = new URL(`${name}.plan.json`, folder);
    if (process.env["OCIBUILD_UPDATE_GOLDENS"] === "1") writeFileSync(golden, made);
    expect(made).toBe(readFileSync(golden, "utf8"));
  });

  it("throws once with all that the parser found", async () => {
    const error = await problemOf("FROM scratch\nWRONG1\nCOPY x\n");
    expect(isOcibuildError(error, "DOCKERFILE_INVALID") && error.details.diagnostics).toHaveLength(2);
    expect(error.message).toContain("dockerfile parse error on line 2: unknown instruction: WRONG1");
  });

  it("asks for no image when the Dockerfile is wrong", async () => {
    const asked: string[] = [];
    await problemOf("FROM busybox\nNOPE\n", { onResolve: (reference) => asked.push(reference) });
    expect(asked).toEqual([]);
  });

  it("C5: never asks for what `# syntax=` names", async () => {
    const asked: string[] = [];
    await plan("# syntax=evil.example/frontend\nFROM scratch\n", { onResolve: (reference) => asked.push(reference) });
    expect(asked).toEqual([]);
  });

  it("makes the same plan from the same input", async () => {
    const text = "FROM busybox AS a\nRUN --mount=type=tmpfs,target=/t x\nFROM a\nCOPY --from=a x /\n";
    expect(shown(await plan(text))).toBe(shown(await plan(text)));
  });
});
