/**
 * Dockerfiles of the shape of well-known projects, with their plan and the findings of the build checks on record.
 * `OCIBUILD_UPDATE_GOLDENS=1 npx vitest run --project unit test/plan/dockerfiles.test.ts` writes the records anew, to be
 * reviewed as code.
 */
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { formatDockerfile } from "../../src/dockerfile/edit/edit-dockerfile.js";
import { parseDockerfile } from "../../src/dockerfile/parse.js";
import { parsePlatform } from "../../src/oci/platform.js";
import type { ImageResolver } from "../../src/oci/resolver.js";
import { lintDockerfile } from "../../src/plan/lint-dockerfile.js";
import { planBuild } from "../../src/plan/plan-build.js";
import { positionAt } from "../../src/util/source-text.js";
import { baseImage } from "../support/plan.js";
import { showPlan } from "../support/show-plan.js";

const folder = new URL("../fixtures/dockerfiles/", import.meta.url);
const names = readdirSync(folder, { withFileTypes: true })
  .flatMap((entry) => (entry.isDirectory() ? [entry.name] : []))
  .sort();

interface CommandLine {
  readonly platforms?: readonly string[];
  readonly target?: string;
  readonly buildArgs?: Readonly<Record<string, string>>;
}

/** What a command line would add. */
const OPTIONS: Readonly<Record<string, CommandLine>> = {
  "go-service": { platforms: ["linux/arm64"] },
  "rust-static": { platforms: ["linux/amd64", "linux/arm64"] },
  "next-web": { buildArgs: { GIT_SHA: "0123abc" } },
  "java-spring": { target: "development" },
  "arg-gymnastics": { buildArgs: { FLAVOR: "full" } },
};

/** What base images say of themselves: enough for words that depend on it. */
const ENVIRONMENTS: Readonly<Record<string, readonly string[]>> = {
  "php:8.3-fpm-alpine": ["PHP_INI_DIR=/usr/local/etc/php"],
  "mcr.microsoft.com/dotnet/aspnet:9.0": ["APP_UID=1654"],
};

const BUILD_PLATFORM = { os: "linux", architecture: "amd64" };

/** Has every image. */
const resolver: ImageResolver = {
  async resolve(reference, platform) {
    return baseImage({ Env: ["PATH=/usr/bin:/bin", ...(ENVIRONMENTS[reference] ?? [])], Cmd: ["sh"] }, platform);
  },
};

function inputOf(name: string): { text: string; input: Parameters<typeof planBuild>[0] } {
  const text = readFileSync(new URL(`${name}/Dockerfile`, folder), "utf8");
  const { platforms = [], target, buildArgs = {} } = OPTIONS[name] ?? {};
  const input = {
    dockerfile: parseDockerfile({ name: "Dockerfile", text }),
    platforms: platforms.map((platform) => parsePlatform(platform, BUILD_PLATFORM)),
    buildPlatform: BUILD_PLATFORM,
    buildArgs: new Map(Object.entries(buildArgs)),
    labels: new Map<string, string>(),
    namedContexts: new Map(),
    resolver,
    ...(target === undefined ? {} : { target }),
  };
  return { text, input };
}

/** The text on record in `file`, which is `made` when records are to be written. */
function recorded(name: string, file: string, made: string): string {
  const golden = new URL(`${name}/${file}`, folder);
  if (process.env["OCIBUILD_UPDATE_GOLDENS"] === "1") writeFileSync(golden, made);
  return readFileSync(golden, "utf8");
}

describe("a Dockerfile of the shape of well-known projects", () => {
  it("is there twenty times", () => {
    expect(names).toHaveLength(20);
  });

  it.each(names)("%s has no errors and the plan on record", async (name) => {
    const { text, input } = inputOf(name);
    expect(input.dockerfile.diagnostics.filter(({ severity }) => severity === "error")).toEqual([]);
    expect(formatDockerfile(input.dockerfile)).toBe(text);
    const made = showPlan(await planBuild(input));
    expect(made).toBe(recorded(name, "plan.txt", made));
  });

  it.each(names)("%s has the findings of the build checks on record", async (name) => {
    const { input } = inputOf(name);
    const { findings, error } = await lintDockerfile(input);
    const { source } = input.dockerfile;
    const lines = findings.map(
      ({ code, message, span }) => `${positionAt(source, span.start).line}: ${code}: ${message}\n`,
    );
    const made = `${lines.join("")}${error === undefined ? "" : `error: ${error.message}\n`}`;
    expect(made).toBe(recorded(name, "lint.txt", made));
  });
});
