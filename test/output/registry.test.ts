import { describe, expect, it } from "vitest";
import { parseReference } from "../../src/oci/reference.js";
import { registryExporter } from "../../src/output/registry.js";
import { exporterContract } from "../contract/exporter.js";
import { FakePusher } from "../support/fake-pusher.js";
import { buildResult, HELLO, type ImageSpec } from "../support/images.js";

const TWO: readonly ImageSpec[] = [{}, { platform: "linux/arm64", layers: [HELLO, [{ path: "b", content: "b" }]] }];

exporterContract({
  name: "registry",
  severalPlatforms: true,
  unnamed: false,
  target: async () => {
    const pusher = new FakePusher();
    return {
      exporter: registryExporter(pusher),
      snapshot: async () => pusher.tags(),
      read: async (name) => {
        const { registry, repository, tag } = parseReference(name);
        const { blobs, tags } = pusher.repository(`${registry}/${repository}`);
        return { blobs, descriptor: tags.get(tag!)! };
      },
    };
  },
});

describe("R10: the order of a push", () => {
  it("is blobs, manifests, then the tags", async () => {
    const pusher = new FakePusher();
    const { result, blobs } = await buildResult(TWO, ["r.example/app:1", "r.example/app:2"]);
    await registryExporter(pusher).export(result, blobs);
    const kinds = pusher.log.map((request) => request.replace(/^blob .*/, "blob").replace(/@sha256.*/, "@digest"));
    expect(kinds).toEqual([
      ...["blob", "blob", "blob", "blob"],
      ...["manifest r.example/app@digest", "manifest r.example/app@digest"],
      ...["manifest r.example/app:1", "manifest r.example/app:2"],
    ]);
  });

  it("never lets a tag mean something incomplete, whichever request is the last", async () => {
    const old = await buildResult([{ layers: [[{ path: "old" }]] }], ["r.example/app:1"]);
    const { result, blobs } = await buildResult(TWO, ["r.example/app:1", "r.example/other:1"]);
    const complete = new FakePusher();
    await registryExporter(complete).export(result, blobs);
    const before = new FakePusher();
    await registryExporter(before).export(old.result, old.blobs);
    for (let last = 0; last < complete.log.length; last++) {
      const pusher = new FakePusher();
      await registryExporter(pusher).export(old.result, old.blobs);
      const abort = new AbortController();
      const reason = new Error("cancelled");
      let requests = 0;
      pusher.before = () => {
        if (requests++ !== last) return;
        abort.abort(reason);
        throw reason;
      };
      await expect(registryExporter(pusher).export(result, blobs, { signal: abort.signal })).rejects.toBe(reason);
      // The fake refuses incomplete manifests, so a tag that moved is complete.
      for (const tag of pusher.tags()) expect([...before.tags(), ...complete.tags()]).toContain(tag);
    }
  });

  it("ends with the first error and starts nothing more", async () => {
    const pusher = new FakePusher();
    const { result, blobs } = await buildResult([
      { layers: Array.from({ length: 12 }, (_, at) => [{ path: `f${at}` }]) },
    ]);
    const failure = new Error("no space");
    pusher.before = () => {
      if (pusher.log.length === 2) throw failure;
    };
    await expect(registryExporter(pusher).export(result, blobs)).rejects.toBe(failure);
    expect(pusher.log.length).toBeLessThan(6);
    expect(pusher.tags()).toEqual([]);
  });
});

describe("pushing", () => {
  it("sends each blob once and a few at a time", async () => {
    const pusher = new FakePusher();
    const layers = Array.from({ length: 9 }, (_, at) => [{ path: `f${at}`, content: "x".repeat(at) }]);
    const { result, blobs } = await buildResult([{ layers }, { platform: "linux/arm64", layers }]);
    await registryExporter(pusher, { parallel: 3 }).export(result, blobs);
    const sent = pusher.log.filter((request) => request.startsWith("blob"));
    expect(new Set(sent).size).toBe(sent.length);
    expect(sent).toHaveLength(9 + 2);
    expect(pusher.mostInFlight).toBe(3);
  });

  it("offers the base's repository for mounting, within one registry only", async () => {
    const pusher = new FakePusher();
    const { result, blobs } = await buildResult(
      [{ layers: [HELLO, [{ path: "b" }]] }],
      ["r.example/app:1", "docker.io/me/app:1"],
    );
    const [base, added] = result.images[0]!.layers.map(({ descriptor }) => descriptor.digest);
    const origins = new Map([[base!, ["docker.io/library/node:20", "r.example/base/node:20"].map(parseReference)]]);
    await registryExporter(pusher).export({ ...result, origins }, blobs);
    expect(pusher.log).toContain(`blob r.example/app ${base} from base/node`);
    expect(pusher.log).toContain(`blob r.example/app ${added}`);
    expect(pusher.log).toContain(`blob docker.io/me/app ${base} from library/node`);
  });

  it("mounts into a second repository what the first one has got", async () => {
    const pusher = new FakePusher();
    const { result, blobs } = await buildResult([{}], ["r.example/one:1", "r.example/two:1"]);
    await registryExporter(pusher).export(result, blobs);
    const second = pusher.log.filter((request) => request.startsWith("blob r.example/two"));
    expect(second.every((request) => request.endsWith(" from one"))).toBe(true);
  });

  it("gives no tag when asked to push by digest", async () => {
    const pusher = new FakePusher();
    const { result, blobs } = await buildResult(TWO, ["r.example/app:1", "r.example/app:2"]);
    const exported = await registryExporter(pusher, { byDigest: true }).export(result, blobs);
    expect(pusher.tags()).toEqual([]);
    expect(exported.names).toEqual([`r.example/app@${result.index!.descriptor.digest}`]);
    expect(pusher.log.at(-1)).toBe(`manifest r.example/app@${result.index!.descriptor.digest}`);
  });

  it("R11: refuses a name whose first part is no host before any request", async () => {
    const pusher = new FakePusher();
    const { result, blobs } = await buildResult([{}], ["r.example/app:1", "my_registry.io/app:1"]);
    await expect(registryExporter(pusher).export(result, blobs)).rejects.toMatchObject({ code: "OUTPUT_INVALID" });
    expect(pusher.log).toEqual([]);
  });
});
