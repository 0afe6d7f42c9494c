import { join } from "node:path";
import { expect, it } from "vitest";
import { MemoryBlobs } from "../../src/cache/memory-blobs.js";
import { formatReference, parseReference } from "../../src/oci/reference.js";
import type { Descriptor } from "../../src/oci/types.js";
import { localStore } from "../../src/output/local-store.js";
import { exporterContract } from "../contract/exporter.js";
import { buildResult } from "../support/images.js";

/** A store in memory with the promises of the real one: a tag needs its blob. */
function memoryStore() {
  const blobs = new MemoryBlobs();
  const tags = new Map<string, Descriptor>();
  const untagged: Descriptor[] = [];
  return {
    blobs,
    tags,
    untagged,
    images: {
      async tag(names: string | readonly string[], descriptor: Descriptor): Promise<void> {
        if (!(await blobs.has(descriptor))) throw new Error("the blob is not there");
        for (const name of typeof names === "string" ? [names] : names) tags.set(name, descriptor);
      },
      async add(descriptor: Descriptor): Promise<void> {
        untagged.push(descriptor);
      },
    },
  };
}

exporterContract({
  name: "local store",
  severalPlatforms: true,
  unnamed: true,
  target: async () => {
    const store = memoryStore();
    return {
      exporter: localStore(store),
      snapshot: async () => [...store.tags].map(([name, { digest }]) => `${name} ${digest}`),
      read: async (name) => ({
        blobs: store.blobs,
        descriptor: store.tags.get(formatReference(parseReference(name)))!,
      }),
    };
  },
});

it("lists an image without a name, and reads no blob that the store has", async () => {
  const store = memoryStore();
  const { result, blobs } = await buildResult([{}], []);
  await localStore(store).export(result, blobs);
  expect(store.untagged.map(({ digest }) => digest)).toEqual([result.images[0]!.descriptor.digest]);
  const never = {
    has: () => blobs.has(result.images[0]!.descriptor),
    open: () => expect.unreachable(join("not", "read")),
  };
  await localStore(store).export({ ...result, names: [parseReference("app:1")] }, never);
  expect([...store.tags.keys()]).toEqual(["docker.io/library/app:1"]);
});
