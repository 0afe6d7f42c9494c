/** Blobs on their way to a registry while later steps still run. */
import { setTimeout as delay } from "node:timers/promises";
import { describe, expect, test } from "vitest";
import { fakeExecutor } from "../../src/testing/fake-executor.js";
import { answerStatus, stall } from "../../src/testing/registry/faults.js";
import { startRegistry, type TestRegistry } from "../../src/testing/registry/registry.js";
import { buildOnly, expectNoTemporaryFiles, fresh, type TestOptions } from "../support/builds.js";

const PATIENCE_MS = 15_000;

function putBlobs({ requests }: TestRegistry): number {
  return requests.filter(({ method, path }) => method === "PUT" && path.includes("/uploads/")).length;
}

async function until(isSo: () => boolean): Promise<boolean> {
  for (const end = performance.now() + PATIENCE_MS; performance.now() < end; await delay(5)) if (isSo()) return true;
  return false;
}

/** A base in one registry, and a build on it for another. */
async function setUp(): Promise<{
  base: TestRegistry;
  target: TestRegistry;
  options: TestOptions;
  close(): Promise<void>;
}> {
  const base = await startRegistry();
  const target = await startRegistry();
  await buildOnly(
    fresh({ dockerfile: "FROM scratch\nCOPY a /a\n", files: { a: "base" }, tags: [`${base.host}/base:1`], push: true }),
  );
  const options = {
    dockerfile: `FROM ${base.host}/base:1\nCOPY b /b\nRUN slow\n`,
    files: { b: "sealed" },
    tags: [`${target.host}/app:1`, `${target.host}/app:2`],
    push: true,
  };
  return {
    base,
    target,
    options,
    close: async () => {
      await base.close();
      await target.close();
    },
  };
}

describe("a build that pushes", () => {
  test("R10: has its base and sealed layers in the registry before its last step ends, and no manifest or tag", async () => {
    const { target, options, close } = await setUp();
    let seen: readonly [boolean, number] | undefined;
    const executor = fakeExecutor(async () => {
      const cameInTime = await until(() => putBlobs(target) >= 2);
      seen = [cameInTime, target.content.manifests("app").length];
      return [{ path: "c", content: "late" }];
    });
    const built = await buildOnly(fresh({ ...options, executor }));
    expect(seen).toEqual([true, 0]);
    expect(target.content.tags("app")).toEqual(["1", "2"]);
    expect(target.content.manifest("app", "1")?.digest).toBe(built.digest);
    // Three layers and a config: nothing went twice.
    expect(putBlobs(target)).toBe(4);
    await close();
  });

  test("R10: and fails leaves no manifest and no tag, and nothing works on", async () => {
    const { target, options, close } = await setUp();
    target.fail({ method: "PUT", action: stall });
    const executor = fakeExecutor(async () => {
      await until(() => putBlobs(target) >= 1);
      return { exitCode: 3 };
    });
    const all = fresh({ ...options, executor });
    await expect(buildOnly(all)).rejects.toMatchObject({ code: "RUN_FAILED" });
    const asked = target.requests.length;
    await delay(100);
    expect(target.requests).toHaveLength(asked);
    expect(target.content.manifests("app")).toEqual([]);
    expectNoTemporaryFiles(all.root);
    await close();
  });

  test("R5: to a registry that refuses early uploads pushes everything in its turn", async () => {
    const { target, options, close } = await setUp();
    let isOver = false;
    target.fail({
      method: "POST",
      action: {
        type: "answer",
        reply: () => ({ status: 403, headers: {}, body: Buffer.from("not now") }),
      },
      times: 1,
    });
    const executor = fakeExecutor(async () => {
      await until(() => target.requests.some(({ method }) => method === "POST"));
      isOver = true;
      return [{ path: "c", content: "late" }];
    });
    const built = await buildOnly(fresh({ ...options, executor }));
    expect(isOver).toBe(true);
    expect(target.content.manifest("app", "2")?.digest).toBe(built.digest);
    await close();
  });

  test("is told of a registry that refuses everything by the output, as before", async () => {
    const { target, options, close } = await setUp();
    target.fail({ action: answerStatus(403, {}, "DENIED") });
    const executor = fakeExecutor(() => []);
    // In the registry's own words.
    await expect(buildOnly(fresh({ ...options, executor }))).rejects.toMatchObject({
      code: "REGISTRY_UNAUTHORIZED",
      message: expect.stringContaining("DENIED"),
    });
    expect(executor.specs).toHaveLength(1);
    await close();
  });
});
