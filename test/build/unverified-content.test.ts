import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { describe, expect, test } from "vitest";
import { isOcibuildError, ociArchive, ociLayout } from "../../src/index.js";
import { digestOf } from "../../src/oci/digest.js";
import type { Image } from "../../src/oci/types.js";
import { RegistryContent } from "../../src/testing/registry/content.js";
import { changeBody } from "../../src/testing/registry/faults.js";
import { startRegistry, type TestRegistry } from "../../src/testing/registry/registry.js";
import { buildChecked, buildOnly, expectNoTemporaryFiles, fresh } from "../support/builds.js";
import { startFileServer } from "../support/file-server.js";
import { tarOf } from "../support/images.js";
import { writeLayout } from "../support/layouts.js";
import { bytesFor } from "../support/registry.js";
import { tempFolder } from "../support/temp-folder.js";

/** Ways in which bytes can be others than their digest says. */
const LIES: readonly (readonly [string, (bytes: Buffer) => Buffer])[] = [
  ["one byte more", (bytes) => Buffer.concat([bytes, Buffer.from("\n")])],
  ["one byte less", (bytes) => bytes.subarray(0, -1)],
  ["another first bit", (bytes) => flipped(bytes, 0)],
  ["another bit in the middle", (bytes) => flipped(bytes, bytes.length >> 1)],
  ["another last bit", (bytes) => flipped(bytes, bytes.length - 1)],
  ["nothing at all", () => Buffer.alloc(0)],
];

function flipped(bytes: Buffer, at: number): Buffer {
  const copy = Buffer.from(bytes);
  copy[at] = copy[at]! ^ 1;
  return copy;
}

/** A base image whose layer, config and manifest are used. */
const BASE = { dockerfile: "FROM scratch\nCOPY f /f\nENV A=b\n", files: { f: bytesFor("base", 100_000) } };
const DOCKERFILE = "FROM base\nCOPY --from=base /f /g\n";
const PARTS = ["layer", "config", "manifest"] as const;

function digestOfPart(image: Image, part: (typeof PARTS)[number]): string {
  if (part === "manifest") return image.descriptor.digest;
  return part === "config" ? image.manifest.config.digest : image.layers[0]!.descriptor.digest;
}

async function expectRefused(building: Promise<unknown>, root: string): Promise<void> {
  const error: unknown = await building.then(
    () => "it was built",
    (thrown: unknown) => thrown,
  );
  expect(error).toSatisfy(isOcibuildError);
  expect((error as { code: string }).code).toMatch(
    /^(BLOB_(DIGEST|SIZE)_MISMATCH|BLOB_NOT_FOUND|REGISTRY_(PROTOCOL|REQUEST)|DOCUMENT_INVALID|TAR_INVALID)$/,
  );
  expectNoTemporaryFiles(root);
}

describe("D1: of a base image in a registry", () => {
  test.each(PARTS)("a %s that is not what it should be is refused, and nothing of it is kept", async (part) => {
    await using registry = await startRegistry({ content: new RegistryContent() });
    const digest = digestOfPart(await pushBase(registry), part);
    const options = fresh({
      dockerfile: DOCKERFILE,
      buildContexts: { base: `docker-image://${registry.host}/base:1` },
    });
    for (const [, lie] of LIES) {
      // The manifest is asked for by its tag.
      const path = part === "manifest" ? "/manifests/" : digest;
      const repaired = registry.fail({ method: "GET", path, action: changeBody(lie) });
      await expectRefused(buildOnly(options), options.root);
      repaired();
    }
    const built = await buildChecked(options);
    expect((await built.readFile("/g")).equals(BASE.files.f)).toBe(true);
  });

  async function pushBase(registry: TestRegistry): Promise<Image> {
    const built = await buildOnly(fresh({ ...BASE, tags: [`${registry.host}/base:1`], push: true }));
    return built.images[0]!;
  }
});

describe("D1: of a base image in an OCI layout", () => {
  test.each(PARTS)("a %s with other bytes is refused, and the layout is left as it is", async (part) => {
    const layout = join(tempFolder(), "base");
    const base = await buildOnly(fresh({ ...BASE, outputs: [ociLayout(layout)] }));
    const path = join(layout, "blobs", "sha256", digestOfPart(base.images[0]!, part).slice(7));
    const good = readFileSync(path);
    for (const [, lie] of LIES) {
      writeFileSync(path, lie(good));
      const options = fresh({ dockerfile: DOCKERFILE, buildContexts: { base: `oci-layout://${layout}` } });
      await expectRefused(buildOnly(options), options.root);
      expect(readFileSync(path).equals(lie(good))).toBe(true);
    }
    writeFileSync(path, good);
    await buildChecked(fresh({ dockerfile: DOCKERFILE, buildContexts: { base: `oci-layout://${layout}` } }));
  });
});

describe("D1: of a base image in a tarball", () => {
  test.each(PARTS)("a %s with other bytes is refused", async (part) => {
    const archive = join(tempFolder(), "base.tar");
    const layout = join(tempFolder(), "base");
    const base = await buildOnly(fresh({ ...BASE, outputs: [ociArchive(archive), ociLayout(layout)] }));
    const blob = readFileSync(join(layout, "blobs", "sha256", digestOfPart(base.images[0]!, part).slice(7)));
    const whole = readFileSync(archive);
    const start = whole.indexOf(blob);
    for (const at of [0, blob.length >> 1, blob.length - 1]) {
      writeFileSync(archive, flipped(whole, start + at));
      const options = fresh({ dockerfile: DOCKERFILE, buildContexts: { base: `oci-archive://${archive}` } });
      await expectRefused(buildOnly(options), options.root);
    }
  });
});

describe("D1: of a base image in the store", () => {
  test.each(PARTS)("a %s with other bytes is fetched again", async (part) => {
    await using registry = await startRegistry({ content: new RegistryContent() });
    const base = await buildOnly(fresh({ ...BASE, tags: [`${registry.host}/base:1`], push: true }));
    const options = fresh({
      dockerfile: DOCKERFILE,
      buildContexts: { base: `docker-image://${registry.host}/base:1` },
      reproducible: true,
    });
    const good = await buildChecked(options);
    const path = join(options.root, "images", "blobs", "sha256", digestOfPart(base.images[0]!, part).slice(7));
    const bytes = readFileSync(path);
    for (const [, lie] of LIES) {
      writeFileSync(path, lie(bytes));
      const out = join(tempFolder(), "out");
      const again = await buildOnly({ ...options, noCache: true, outputs: [ociLayout(out)] });
      expect(again.digest).toBe(good.digest);
      expect(readFileSync(path).equals(bytes)).toBe(true);
    }
  });
});

describe("D1: what ADD fetches", () => {
  const content = bytesFor("download", 200_000);

  test.each(LIES)("with %s does not pass --checksum", async (_, lie) => {
    for (const algorithm of ["sha256", "sha512"] as const) {
      await using server = await startFileServer({ "/f": lie(content) });
      const { createHash } = await import("node:crypto");
      const checksum = `${algorithm}:${createHash(algorithm).update(content).digest("hex")}`;
      const options = fresh({ dockerfile: `FROM scratch\nADD --checksum=${checksum} ${server.url}/f /f\n` });
      await expect(buildOnly(options)).rejects.toMatchObject({ code: "BLOB_DIGEST_MISMATCH", location: { line: 2 } });
      expectNoTemporaryFiles(options.root);
    }
  });

  test("passes when it is what was said, and is not asked for again then", async () => {
    await using server = await startFileServer({ "/f": content });
    const options = fresh({ dockerfile: `FROM scratch\nADD --checksum=${digestOf(content)} ${server.url}/f /f\n` });
    const built = await buildChecked(options);
    expect((await built.readFile("/f")).equals(content)).toBe(true);
    await buildChecked(options);
    expect(server.requests).toEqual(["/f"]);
  });
});

describe("D6: a base image whose config lies about its layers", () => {
  const first = tarOf([{ path: "first", content: "1" }]);
  const second = tarOf([{ path: "second", content: "2" }]);

  test.each([
    ["says another diffID", [digestOf("other"), digestOf(second)]],
    ["has them in another order", [digestOf(second), digestOf(first)]],
    ["says the digest of the compressed layer", [digestOf(gzipSync(first)), digestOf(second)]],
  ])("is refused when it %s", async (_, diffIds) => {
    const layout = writeLayout({ tars: [first, second], diffIds });
    for (const dockerfile of ["FROM base\nWORKDIR /w\n", "FROM scratch\nCOPY --from=base / /\n"]) {
      const options = fresh({ dockerfile, buildContexts: { base: `oci-layout://${layout}` } });
      await expect(buildOnly(options)).rejects.toMatchObject({ code: "LAYER_DIFF_ID_MISMATCH" });
      expectNoTemporaryFiles(options.root);
    }
  });
});
