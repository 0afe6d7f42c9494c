import { describe, expect, test } from "vitest";
import type { BlobReader } from "../../src/oci/blobs.js";
import { RegistryContent } from "../../src/testing/registry/content.js";
import { answerStatus, change, type FaultAction, resetInBody } from "../../src/testing/registry/faults.js";
import { startRegistry, type TestRegistry } from "../../src/testing/registry/registry.js";
import { validateImage } from "../../src/testing/validate-image.js";
import { buildOnly, expectNoTemporaryFiles, fresh } from "../support/builds.js";

const BUILD = {
  dockerfile: "FROM scratch\nCOPY a /a\nCOPY b /b\n",
  files: { a: "new a", b: "new b" },
  platforms: ["linux/amd64", "linux/arm64"],
  push: true,
  reproducible: true,
};

/** What a tag means in the registry, after everything below it was checked; `undefined` when there is no such tag. */
async function checkedTag({ content }: TestRegistry, tag: string): Promise<string | undefined> {
  const manifest = content.manifest("app", tag);
  if (manifest === undefined) return undefined;
  const blobs: BlobReader = {
    has: async () => true,
    async *open({ digest }) {
      const bytes = content.manifest("app", digest)?.bytes ?? content.blob("app", digest);
      if (bytes !== undefined) yield bytes;
    },
  };
  const { digest, mediaType, bytes } = manifest;
  await validateImage(blobs, { mediaType, digest: digest as never, size: bytes.length });
  return digest;
}

describe("R10: a build that pushes", () => {
  test("and is cancelled at any request leaves each tag old, or complete", async () => {
    // One store for all: what is built is the same each time, only the push counts.
    const { root } = fresh({});
    await using complete = await startRegistry({ content: new RegistryContent() });
    const tagsOf = ({ host }: TestRegistry): string[] => [`${host}/app:1`, `${host}/app:2`];
    const { digest } = await buildOnly({ ...BUILD, root, tags: tagsOf(complete) });
    const requests = complete.requests.length;
    expect(requests).toBeGreaterThan(12);

    let moved = 0;
    for (let at = 0; at < requests; at++) {
      for (const isDone of at % 2 === 0 ? [false] : [true]) {
        await using registry = await startRegistry({ content: new RegistryContent() });
        const old = await buildOnly({ ...BUILD, root, files: { a: "old", b: "old" }, tags: tagsOf(registry) });
        const abort = new AbortController();
        const reason = new Error(`at request ${at}`);
        const cancel: FaultAction = isDone
          ? change((reply) => {
              abort.abort(reason);
              return reply;
            })
          : {
              type: "answer",
              reply: () => {
                abort.abort(reason);
                return { status: 503 };
              },
            };
        registry.fail({ after: at, times: 1, action: cancel });
        const options = { ...BUILD, root, tags: tagsOf(registry), signal: abort.signal };
        const outcome = await buildOnly(options).catch((error: unknown) => error);
        // The last reply may come in before the cancellation: then the push is done.
        if (outcome !== reason) expect(outcome).toMatchObject({ digest });
        expectNoTemporaryFiles(root);
        for (const tag of ["1", "2"]) {
          const now = await checkedTag(registry, tag);
          expect([old.digest, digest]).toContain(now);
          if (now === digest) moved++;
        }
      }
    }
    expect(moved).toBeGreaterThan(0);
    expect(moved).toBeLessThan(requests);
  }, 60_000);
});

describe("R5: a build that meets failures which may pass", () => {
  test.each([
    ["a 503", answerStatus(503, { "retry-after": "0" })],
    ["a 429", answerStatus(429, { "retry-after": "0" })],
    ["a reset", resetInBody],
  ])(
    "%s once at any request of pull and push gives the image of an undisturbed one",
    async (_, action) => {
      await using registry = await startRegistry({ content: new RegistryContent() });
      await buildOnly(fresh({ ...BUILD, platforms: ["linux/amd64"], tags: [`${registry.host}/base:1`] }));
      const dockerfile = `FROM ${registry.host}/base:1\nCOPY --from=${registry.host}/base:1 /a /c\n`;
      const options = { dockerfile, push: true, reproducible: true };
      registry.forget();
      const good = await buildOnly(fresh({ ...options, tags: [`${registry.host}/app:good`] }));
      const requests = registry.requests.length;
      for (let at = 0; at < requests; at += 7) {
        const remove = registry.fail({ after: at, times: 1, action });
        const again = await buildOnly(fresh({ ...options, tags: [`${registry.host}/app:${at}`] }));
        remove();
        expect(again.digest).toBe(good.digest);
        expect(await checkedTag(registry, String(at))).toBe(good.digest);
      }
    },
    60_000,
  );
});

describe("R11: names of images in a build", () => {
  test.each([
    "a/../b",
    "UPPER",
    "a b",
    "a:b:c",
    "a@sha256:x",
    "http://a/b",
    "a//b",
    "-a",
    "a:",
    "",
    "a\nb",
    "a%2fb",
    "x".repeat(10_240),
  ])("%j as a tag is refused before anything is built", async (name) => {
    const events: string[] = [];
    const options = fresh({ ...BUILD, push: false, tags: [name], onEvent: ({ type }) => events.push(type) });
    await expect(buildOnly(options)).rejects.toMatchObject({ code: "REFERENCE_INVALID" });
    expect(events).toEqual([]);
  });

  test.each(["a/../b", "UPPER", "a:b:c", "http://a/b", "a//b", "a%2fb"])(
    "%j as a base is refused where it stands",
    async (name) => {
      const building = buildOnly(fresh({ dockerfile: `FROM scratch\nCOPY a /\nFROM ${name}\n`, files: { a: "" } }));
      await expect(building).rejects.toMatchObject({ location: { line: 3 } });
    },
  );
});

describe("R3: a registry that is not on this machine", () => {
  test("is never asked in plain HTTP without a word, for a pull as for a push", async () => {
    // A name that does not resolve: what counts is the scheme that was tried.
    for (const options of [
      { dockerfile: "FROM registry.invalid:5000/base:1\n" },
      { ...BUILD, tags: ["registry.invalid:5000/app:1"] },
    ]) {
      const error: unknown = await buildOnly(fresh(options)).catch((thrown: unknown) => thrown);
      expect(error).toMatchObject({ code: "REGISTRY_REQUEST" });
      expect(JSON.stringify(error)).not.toMatch(/http:\/\/registry/);
    }
  }, 60_000);
});
