import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { runExample } from "../../support/run-example.js";
import { tempFolder } from "../../support/temp-folder.js";

const FOLDER = "examples/edit-dockerfile";
const DOCKERFILE = `${FOLDER}/Dockerfile`;
const text = readFileSync(DOCKERFILE, "utf8");

function run(script: string, args: readonly string[]): Promise<string> {
  return runExample(readFileSync(`${FOLDER}/${script}`, "utf8"), "mjs", args);
}

describe("examples/edit-dockerfile", () => {
  it("bumps tags and nothing else", async () => {
    const settings = ["nginx=1.27", "golang=1.23-bookworm", "busybox=1.37", "NODE_VERSION=24.1.0"];
    expect(await run("bump-base-images.mjs", [DOCKERFILE, ...settings])).toBe(
      text
        .replace("nginx:1.25", "nginx:1.27")
        .replace("golang:1.22-bookworm", "golang:1.23-bookworm")
        .replace("busybox:1.36", "busybox:1.37")
        .replace("NODE_VERSION=22.11.0", "NODE_VERSION=24.1.0"),
    );
  });

  it("pins digests", async () => {
    const digest = `sha256:${"0".repeat(64)}`;
    const digests = join(tempFolder(), "digests.json");
    writeFileSync(digests, JSON.stringify({ "nginx:1.25": digest }));
    expect(await run("pin-digests.mjs", [DOCKERFILE, digests, "2026-01-31"])).toBe(
      text.replace("FROM nginx:1.25", `# pinned on 2026-01-31\nFROM nginx:1.25@${digest}`),
    );
  });

  it("adds a stage and a health check", async () => {
    const added = `# Only for \`--target test\`.
FROM build AS test
RUN --mount=type=cache,target=/root/.npm <<EOF
set -e
npm run lint
npm test
EOF

FROM nginx:1.25`;
    const check = 'HEALTHCHECK --interval=30s --timeout=3s CMD ["/usr/local/bin/probe", "http://localhost/"]\n';
    expect(await run("add-test-stage.mjs", [DOCKERFILE])).toBe(text.replace("FROM nginx:1.25", added) + check);
  });
});
