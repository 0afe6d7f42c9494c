import { afterEach, describe, expect, test } from "vitest";
import { isOcibuildError } from "../../src/errors.js";
import { DEFAULT_RETRY } from "../../src/http/retry.js";
import { parseReference } from "../../src/oci/reference.js";
import type { RegistryClientOptions } from "../../src/registry/client.js";
import { registryPusher } from "../../src/registry/push.js";
import {
  answerStatus,
  change,
  changeHeaders,
  type Fault,
  loseReply,
  resetBefore,
  resetInBody,
  stall,
} from "../../src/testing/registry/faults.js";
import { startRegistry, type TestRegistry, type TestRegistryOptions } from "../../src/testing/registry/registry.js";
import type { Reply } from "../../src/testing/registry/reply.js";
import { blobOf, bytesFor, OCI_CONFIG, OCI_LAYER, OCI_MANIFEST, readerOf, testClient } from "../support/registry.js";

const cleanups: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

interface Setup {
  readonly registry: TestRegistry;
  readonly client: ReturnType<typeof testClient>;
  readonly target: ReturnType<typeof parseReference>;
  push(mountFrom?: string): Promise<string>;
  /** `METHOD status-independent path kind` of each request, in order. */
  methods(): string[];
}

async function setUp(options: TestRegistryOptions = {}, clientOptions: RegistryClientOptions = {}): Promise<Setup> {
  const registry = await startRegistry(options);
  const client = testClient(clientOptions);
  cleanups.push(registry.close, client.close);
  const target = parseReference(`${registry.host}/team/app:1`);
  const pusher = registryPusher(client);
  return {
    registry,
    client,
    target,
    push: (mountFrom) => pusher.pushBlob(target, BLOB, readerOf(BYTES), mountFrom === undefined ? {} : { mountFrom }),
    methods: () => registry.requests.map(({ method }) => method),
  };
}

const BYTES = bytesFor("layer", 200_000);
const BLOB = blobOf(BYTES, OCI_LAYER);

describe("pushBlob", () => {
  test("uploads in one PUT and stores the bytes", async () => {
    const { registry, push, methods } = await setUp();
    expect(await push()).toBe("uploaded");
    expect(methods()).toEqual(["HEAD", "POST", "PUT"]);
    expect(registry.requests.at(-1)).toMatchObject({
      bodyBytes: BYTES.length,
      headers: { "content-length": String(BYTES.length) },
    });
    expect(registry.content.blob("team/app", BLOB.digest)?.equals(BYTES)).toBe(true);
  });

  test("sends nothing for a blob that is there", async () => {
    const { registry, push, methods } = await setUp();
    registry.content.putBlob("team/app", BYTES);
    expect(await push()).toBe("exists");
    expect(methods()).toEqual(["HEAD"]);
  });

  test("mounts from another repository", async () => {
    const { registry, push, methods } = await setUp();
    registry.content.putBlob("team/base", BYTES);
    expect(await push("team/base")).toBe("mounted");
    expect(methods()).toEqual(["HEAD", "POST"]);
  });

  test("R9: a mount that opens an upload instead goes on in that session", async () => {
    const { registry, push, methods } = await setUp({ mounts: false });
    registry.content.putBlob("team/base", BYTES);
    expect(await push("team/base")).toBe("uploaded");
    expect(methods()).toEqual(["HEAD", "POST", "PUT"]);
    expect(registry.content.openSessions).toBe(0);
  });

  test.each([400, 401, 403, 404, 405])(
    "R9: a mount that is refused with %d falls back to an upload",
    async (status) => {
      const { registry, push } = await setUp();
      registry.content.putBlob("team/base", BYTES);
      registry.fail({ method: "POST", path: "mount=", action: answerStatus(status) });
      expect(await push("team/base")).toBe("uploaded");
    },
  );

  test("an empty blob is uploaded", async () => {
    const { registry, client, target } = await setUp();
    const empty = Buffer.alloc(0);
    expect(await registryPusher(client).pushBlob(target, blobOf(empty), readerOf(empty))).toBe("uploaded");
    expect(registry.content.blob("team/app", blobOf(empty).digest)).toHaveLength(0);
  });

  test("a source that gives too few or too many bytes is an error and leaves no blob", async () => {
    for (const bytes of [BYTES.subarray(1), Buffer.concat([BYTES, BYTES])]) {
      const { registry, client, target } = await setUp();
      const pushed = registryPusher(client).pushBlob(target, BLOB, readerOf(bytes));
      await expect(pushed).rejects.toMatchObject({ code: "BLOB_SIZE_MISMATCH" });
      expect(registry.content.blob("team/app", BLOB.digest)).toBeUndefined();
    }
  });

  test("a source that fails is the error, and nothing is tried again", async () => {
    const { client, target } = await setUp();
    const source = {
      has: async () => true,
      async *open(): AsyncGenerator<Buffer> {
        yield BYTES.subarray(0, 1000);
        throw new RangeError("the disk is broken");
      },
    };
    const error: unknown = await registryPusher(client)
      .pushBlob(target, BLOB, source)
      .catch((thrown: unknown) => thrown);
    expect(String(error) + String((error as Error).cause)).toContain("the disk is broken");
    expect(client.fastClock.sleeps).toEqual([]);
  });

  test("an abort in the middle rejects with its reason", async () => {
    const { registry, client, target } = await setUp();
    registry.fail({ method: "PUT", action: stall });
    const abort = new AbortController();
    const pushed = registryPusher(client).pushBlob(target, BLOB, readerOf(BYTES), { signal: abort.signal });
    setTimeout(() => abort.abort(new Error("enough")), 50);
    await expect(pushed).rejects.toThrow("enough");
  });
});

describe("R9: uploads", () => {
  test("R9: a relative Location is followed with its query kept", async () => {
    const { registry, push } = await setUp({ uploadLocation: (path) => path });
    expect(await push()).toBe("uploaded");
    // The registry forgets sessions whose `_state` was touched: the upload above had it byte for byte.
    expect(registry.requests.at(-1)?.path).toContain("_state=a%2Bb%2Fc%20%3D~d&digest=sha256%3A");
  });

  test("R9: a Location on another host gets the bytes", async () => {
    const storage = await startRegistry();
    cleanups.push(storage.close);
    const { registry, push } = await setUp({ content: storage.content, uploadLocation: (path) => storage.url + path });
    expect(await push()).toBe("uploaded");
    expect(storage.requests.map(({ method }) => method)).toEqual(["PUT"]);
    expect(registry.content.blob("team/app", BLOB.digest)?.equals(BYTES)).toBe(true);
  });

  test.each([
    ["missing", undefined],
    ["of another scheme", "ftp://127.0.0.1/x"],
    ["no URL", "http://[bad"],
  ])("R9: a Location that is %s is a protocol error", async (_name, location) => {
    const { registry, push } = await setUp();
    registry.fail({ method: "POST", action: changeHeaders({ location }) });
    await expect(push()).rejects.toMatchObject({ code: "REGISTRY_PROTOCOL" });
  });

  test.each([405, 411, 413, 501])(
    "R9: a registry that refuses one PUT with %d gets the blob in pieces",
    async (status) => {
      const { registry, push, methods } = await setUp();
      registry.fail({ method: "PUT", path: "/uploads/", times: 1, action: answerStatus(status) });
      expect(await push()).toBe("uploaded");
      expect(methods()).toEqual(["HEAD", "POST", "PUT", "POST", "PATCH", "PUT"]);
      expect(registry.requests.at(4)?.headers["content-range"]).toBe(`0-${BYTES.length - 1}`);
      expect(registry.content.blob("team/app", BLOB.digest)?.equals(BYTES)).toBe(true);
    },
  );

  test("R9: pieces follow one another without gaps", async () => {
    const large = bytesFor("large", 20_000_000);
    const { registry, client, target } = await setUp();
    registry.fail({ method: "PUT", path: "/uploads/", times: 1, action: answerStatus(413) });
    await registryPusher(client).pushBlob(target, blobOf(large), readerOf(large, 1_000_003));
    const pieces = registry.requests
      .filter(({ method }) => method === "PATCH")
      .map(({ headers }) => headers["content-range"]);
    expect(pieces).toEqual(["0-8388607", "8388608-16777215", "16777216-19999999"]);
    expect(registry.content.blob("team/app", blobOf(large).digest)?.equals(large)).toBe(true);
  });

  test("R9: an upload whose reply is lost is not repeated when the blob is there", async () => {
    const { registry, push, methods } = await setUp();
    registry.fail({ method: "PUT", times: 1, action: loseReply });
    expect(await push()).toBe("uploaded");
    expect(methods()).toEqual(["HEAD", "POST", "PUT", "HEAD"]);
  });

  test("R9: a session that is lost is opened anew", async () => {
    const { registry, push, methods } = await setUp();
    registry.fail({ method: "PUT", times: 1, action: answerStatus(404, {}, "BLOB_UPLOAD_UNKNOWN") });
    expect(await push()).toBe("uploaded");
    expect(methods()).toEqual(["HEAD", "POST", "PUT", "HEAD", "POST", "PUT"]);
  });

  test("R9: connections that break in the body lead to pieces", async () => {
    const { registry, push, methods } = await setUp();
    registry.fail({ method: "PUT", path: "/uploads/", times: 2, action: resetInBody });
    expect(await push()).toBe("uploaded");
    expect(methods().filter((method) => method === "PATCH")).toHaveLength(1);
  });

  describe("R9: after a failure", () => {
    const large = bytesFor("resumed", 20_000_000);
    const MIB_8 = 8 * 1024 * 1024;

    async function pushLarge(
      fault: Omit<Fault, "action"> & { readonly action?: Fault["action"] },
      { chunked = true } = {},
    ): Promise<{ registry: TestRegistry; sent: number; ranges: unknown[] }> {
      const { registry, client, target } = await setUp();
      if (chunked) registry.fail({ method: "PUT", path: "/uploads/", times: 1, action: answerStatus(413) });
      registry.fail({ times: 1, action: resetInBody, ...fault });
      await registryPusher(client).pushBlob(target, blobOf(large), readerOf(large, 100_003));
      expect(registry.content.blob("team/app", blobOf(large).digest)?.equals(large)).toBe(true);
      const uploads = registry.requests.filter(({ method }) => method === "PATCH" || method === "PUT");
      const ranges = uploads.flatMap(({ headers }) => headers["content-range"] ?? []);
      return { registry, sent: uploads.reduce((sum, { bodyBytes }) => sum + bodyBytes, 0), ranges };
    }

    test("pieces go on from the acknowledged offset", async () => {
      const { ranges } = await pushLarge({ method: "PATCH", after: 1 });
      expect(ranges.slice(0, 2)).toEqual(["0-8388607", "8388608-16777215"]);
      // Where exactly the connection broke is up to the sockets; it is after the first piece and in the second.
      const start = Number(String(ranges[2]).split("-")[0]);
      expect(start).toBeGreaterThan(MIB_8);
      expect(start).toBeLessThan(2 * MIB_8);
      expect(String(ranges.at(-1)).split("-")[1]).toBe(String(large.length - 1));
    });

    test("a piece whose reply was lost is not sent again", async () => {
      const { ranges, sent } = await pushLarge({ method: "PATCH", after: 1, action: loseReply });
      expect(ranges).toEqual(["0-8388607", "8388608-16777215", "16777216-19999999"]);
      // The first PUT was refused after it was read.
      expect(sent).toBe(2 * large.length);
    });

    test("one PUT that broke goes on in pieces with what had arrived", async () => {
      const { ranges } = await pushLarge({ method: "PUT", path: "/uploads/" }, { chunked: false });
      const start = Number(String(ranges[0]).split("-")[0]);
      expect(start).toBeGreaterThan(0);
      expect(start).toBeLessThan(large.length);
    });

    test("a registry that takes less than a piece gets the rest of it", async () => {
      const { registry, client, target } = await setUp();
      registry.fail({ method: "PUT", path: "/uploads/", times: 1, action: answerStatus(413) });
      const takesLess = (request: { readonly path: string }): Reply => {
        registry.content
          .session("team/app", /uploads\/([^?]+)/.exec(request.path)![1]!)
          ?.append(large.subarray(0, 5_000_000));
        return { status: 202, headers: { location: registry.url + request.path, range: "0-4999999" } };
      };
      registry.fail({ method: "PATCH", times: 1, action: { type: "answer", reply: takesLess } });
      await registryPusher(client).pushBlob(target, blobOf(large), readerOf(large));
      const ranges = registry.requests.flatMap(({ headers }) => headers["content-range"] ?? []);
      expect(ranges).toEqual(["0-8388607", "5000000-8388607", "8388608-16777215", "16777216-19999999"]);
      expect(registry.content.blob("team/app", blobOf(large).digest)?.equals(large)).toBe(true);
    });

    test("a registry that acknowledges nothing, or more than it was given, is a protocol error", async () => {
      for (const range of ["0-0", "0-99999999"]) {
        const { registry, client, target } = await setUp();
        registry.fail({ method: "PUT", path: "/uploads/", times: 1, action: answerStatus(413) });
        registry.fail({ method: "PATCH", action: changeHeaders({ range }) });
        await expect(registryPusher(client).pushBlob(target, blobOf(large), readerOf(large))).rejects.toMatchObject({
          code: "REGISTRY_PROTOCOL",
        });
      }
    });

    test.each([404, 405, 400, 403])("a registry that tells no progress (%d) gets the blob anew", async (status) => {
      const { registry, client, target } = await setUp();
      registry.fail({ method: "PATCH", times: 1, action: resetInBody });
      registry.fail({ method: "PUT", path: "/uploads/", times: 1, action: answerStatus(413) });
      registry.fail({ method: "GET", path: "/uploads/", action: answerStatus(status) });
      await registryPusher(client).pushBlob(target, blobOf(large), readerOf(large));
      expect(registry.content.blob("team/app", blobOf(large).digest)?.equals(large)).toBe(true);
    });

    test("a session that has other bytes than ours is left for a new one", async () => {
      const { registry, client, target } = await setUp();
      registry.fail({ method: "PUT", path: "/uploads/", times: 1, action: resetInBody });
      const spoil = change((reply) => {
        const id = String(reply.headers?.["docker-upload-uuid"]);
        const session = registry.content.session("team/app", id);
        session?.append(Buffer.from("spoiled"));
        return { ...reply, headers: { ...reply.headers, range: `0-${session!.size - 1}` } };
      });
      registry.fail({ method: "GET", path: "/uploads/", action: spoil });
      await registryPusher(client).pushBlob(target, blobOf(large), readerOf(large));
      expect(registry.content.blob("team/app", blobOf(large).digest)?.equals(large)).toBe(true);
    });

    test("progress earns new tries", async () => {
      const { registry, client, target } = await setUp();
      registry.fail({ method: "PUT", path: "/uploads/", times: 1, action: answerStatus(413) });
      registry.fail({ method: "PATCH", times: 7, action: resetInBody });
      await registryPusher(client).pushBlob(target, blobOf(large), readerOf(large));
      expect(registry.content.blob("team/app", blobOf(large).digest)?.equals(large)).toBe(true);
    });
  });

  test("pieces of several uploads share a limit of memory", async () => {
    const { registry, client } = await setUp({}, { maxBufferedBytes: 8 * 1024 * 1024 });
    registry.fail({ method: "PUT", path: "/uploads/", times: 3, action: answerStatus(413) });
    let most = 0;
    const bytes = [1, 2, 3].map((seed) => bytesFor(`limited ${seed}`, 9_000_000));
    const watching = setInterval(() => {
      most = Math.max(most, client.uploadBuffers.heldBytes);
    }, 1);
    await Promise.all(
      bytes.map((each) =>
        registryPusher(client).pushBlob(parseReference(`${registry.host}/team/app:1`), blobOf(each), readerOf(each)),
      ),
    );
    clearInterval(watching);
    expect(most).toBe(8 * 1024 * 1024);
    for (const each of bytes) expect(registry.content.blob("team/app", blobOf(each).digest)?.equals(each)).toBe(true);
  });

  test("R9: a blob stored under another digest is a protocol error", async () => {
    const { registry, push } = await setUp();
    registry.fail({
      method: "PUT",
      action: changeHeaders({ "docker-content-digest": blobOf(Buffer.from("x")).digest }),
    });
    await expect(push()).rejects.toMatchObject({ code: "REGISTRY_PROTOCOL" });
  });

  const passing: readonly [string, Fault["action"]][] = [
    ["429", answerStatus(429)],
    ["500", answerStatus(500)],
    ["503", answerStatus(503)],
    ["a reset before", resetBefore],
    ["a reset in the body", resetInBody],
    ["a lost reply", loseReply],
  ];
  test.each(passing)(
    "R5: %s once on any request does not disturb a push, for ever it is an error",
    async (_name, action) => {
      const once = await Promise.all(
        [0, 1, 2].map(async (after) => {
          const { registry, push } = await setUp();
          registry.fail({ after, times: 1, action });
          const outcome = await push();
          return [outcome, registry.content.blob("team/app", BLOB.digest)?.equals(BYTES)];
        }),
      );
      // A lost reply of the last request is found out by looking.
      expect(once).toEqual([0, 1, 2].map(() => ["uploaded", true]));
      const { registry, push } = await setUp();
      registry.fail({ action });
      await expect(push()).rejects.toMatchObject({ code: "REGISTRY_REQUEST" });
    },
  );

  test("the registry's own words stand in the error", async () => {
    const { registry, push } = await setUp();
    registry.fail({ method: "POST", action: answerStatus(403, {}, "DENIED") });
    await expect(push()).rejects.toMatchObject({
      code: "REGISTRY_UNAUTHORIZED",
      message: expect.stringMatching(/status 403: DENIED: fault: status 403$/),
    });
  });
});

describe("pushManifest", () => {
  const config = Buffer.from("{}");
  const manifest = Buffer.from(
    JSON.stringify({ schemaVersion: 2, mediaType: OCI_MANIFEST, config: blobOf(config, OCI_CONFIG), layers: [] }),
  );
  const descriptor = blobOf(manifest, OCI_MANIFEST);

  test("stores the exact bytes under the tag, or under the digest", async () => {
    const { registry, client, target } = await setUp();
    registry.content.putBlob("team/app", config);
    const pusher = registryPusher(client);
    await pusher.pushManifest(target, descriptor, manifest);
    expect(registry.content.manifest("team/app", "1")).toMatchObject({
      mediaType: OCI_MANIFEST,
      digest: descriptor.digest,
    });
    const { tag: _tag, ...untagged } = target;
    await pusher.pushManifest(untagged, descriptor, manifest);
    expect(registry.requests.at(-1)?.path).toBe(`/v2/team/app/manifests/${descriptor.digest}`);
  });

  test("R10: a digest in the reply that is another one is an error", async () => {
    const { registry, client, target } = await setUp();
    registry.content.putBlob("team/app", config);
    registry.fail({ method: "PUT", action: changeHeaders({ "docker-content-digest": BLOB.digest }) });
    await expect(registryPusher(client).pushManifest(target, descriptor, manifest)).rejects.toMatchObject({
      code: "REGISTRY_PROTOCOL",
    });
  });

  test("R10: a manifest whose blobs are missing is refused by the registry and the tag stays as it was", async () => {
    const { registry, client, target } = await setUp();
    const error: unknown = await registryPusher(client)
      .pushManifest(target, descriptor, manifest)
      .catch((thrown: unknown) => thrown);
    expect(isOcibuildError(error, "REGISTRY_REQUEST") && error.details.registryCode).toBe("MANIFEST_BLOB_UNKNOWN");
    expect(registry.content.manifest("team/app", "1")).toBeUndefined();
  });

  test("R10: a reply without a digest is accepted", async () => {
    const { registry, client, target } = await setUp();
    registry.content.putBlob("team/app", config);
    registry.fail({ method: "PUT", action: change((reply) => ({ status: reply.status })) });
    await registryPusher(client).pushManifest(target, descriptor, manifest);
    expect(registry.content.manifest("team/app", "1")?.bytes.equals(manifest)).toBe(true);
  });

  test("R5: a manifest is put again after a failure that may pass", async () => {
    const { registry, client, target } = await setUp({}, { retry: { ...DEFAULT_RETRY, attempts: 3 } });
    registry.content.putBlob("team/app", config);
    registry.fail({ method: "PUT", times: 1, action: loseReply });
    registry.fail({ method: "PUT", after: 1, times: 1, action: answerStatus(502) });
    await registryPusher(client).pushManifest(target, descriptor, manifest);
    expect(registry.content.manifest("team/app", "1")?.bytes.equals(manifest)).toBe(true);
  });
});
