/** Caches in Docker's registry, by the command line: what jobs leave there serves the others. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { cacheJobs, type RunJob } from "../support/cache-jobs.js";
import { type DockerRegistry, startDockerRegistry } from "../support/docker-registry.js";
import { bytesFor } from "../support/registry.js";
import { requireTool } from "../support/tools.js";
import { writeFiles } from "../support/write-files.js";

const ready = requireTool("docker-registry");

const DOCKERFILE = `FROM scratch AS tools
COPY tools /tools/
WORKDIR /out
FROM scratch
ARG JOB
COPY big /big
COPY --from=tools /tools /opt/tools
COPY job-\${JOB} /job
WORKDIR /w
`;
const JOBS = ["1", "2", "3", "4"];

describe.runIf(ready)("a cache in docker-registry", () => {
  let registry: DockerRegistry;
  let job: RunJob;
  let cwd = "";

  beforeAll(async () => {
    registry = await startDockerRegistry();
    cwd = mkdtempSync(join(tmpdir(), "ocibuild-shared-cache-"));
    const context = join(cwd, "context");
    job = cacheJobs(cwd, context);
    writeFiles(context, {
      Dockerfile: DOCKERFILE,
      big: bytesFor("big", 3_000_000),
      "tools/one": bytesFor("tool", 500_000),
      ...Object.fromEntries(JOBS.map((job) => [`job-${job}`, `job ${job}`])),
    });
  });
  afterAll(async () => {
    await registry?.stop();
    rmSync(cwd, { recursive: true, force: true });
  });

  test("rebuilds in a new store without running anything", async () => {
    const ref = `${registry.host}/team/one:cache`;
    const first = await job(["--build-arg=JOB=1", `--cache-to=type=registry,ref=${ref}`]);
    expect(first.warnings).toEqual([]);
    const second = await job(["--build-arg=JOB=1", "--cache-from", ref]);
    expect(second).toEqual({ digest: first.digest, steps: Array(6).fill("cached"), warnings: [] });
  });

  test("serves all jobs that wrote to it at once", async () => {
    const ref = `${registry.host}/team/many:cache`;
    const to = `--cache-to=type=registry,ref=${ref},mode=max`;
    const made = await Promise.all(JOBS.map((name) => job([`--build-arg=JOB=${name}`, to])));
    expect(made.flatMap(({ warnings }) => warnings)).toEqual([]);
    for (const [at, name] of JOBS.entries()) {
      const again = await job([`--build-arg=JOB=${name}`, `--cache-from=type=registry,ref=${ref}`]);
      expect(again.steps).toEqual(Array(6).fill("cached"));
      expect(again.warnings).toEqual([]);
      // Times of the jobs may differ, and one of them is the cache's; what is in the layers may not.
      expect(again.digest).toMatch(/^sha256:/);
      expect(made[at]!.steps).not.toContain("failed");
    }
  });

  test("serves every platform whichever was built first", async () => {
    const ref = `${registry.host}/team/platforms:cache`;
    const to = `--cache-to=type=registry,ref=${ref}`;
    const platforms = ["linux/amd64", "linux/arm64"];
    await Promise.all(platforms.map((name) => job(["--build-arg=JOB=1", `--platform=${name}`, to])));
    for (const name of platforms) {
      const again = await job(["--build-arg=JOB=1", `--platform=${name}`, "--cache-from", ref]);
      expect(new Set(again.steps)).toEqual(new Set(["cached"]));
    }
  });

  test("can be an image", async () => {
    const ref = `${registry.host}/team/app:1`;
    const first = await job(["--build-arg=JOB=1", "--tag", ref, "--push", "--cache-to=type=inline"]);
    const second = await job(["--build-arg=JOB=1", "--cache-from", ref, "--cache-to=type=inline"]);
    expect(second).toEqual({ digest: first.digest, steps: Array(6).fill("cached"), warnings: [] });
  });

  test("is asked for what the first of several does not know", async () => {
    const [one, two] = ["one", "two"].map((name) => `${registry.host}/team/several:${name}`);
    await job(["--build-arg=JOB=1", `--cache-to=type=registry,ref=${one}`]);
    await job(["--build-arg=JOB=2", `--cache-to=type=local,dest=${join(cwd, "folder")}`]);
    const from = ["--cache-from", two!, "--cache-from", one!, `--cache-from=type=local,src=${join(cwd, "folder")}`];
    for (const name of ["1", "2"]) {
      const again = await job([`--build-arg=JOB=${name}`, ...from]);
      expect(again.steps).toEqual(Array(6).fill("cached"));
      expect(again.warnings).toHaveLength(1);
    }
  });
});
