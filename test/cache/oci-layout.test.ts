import { execFileSync } from "node:child_process";
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { expect, test } from "vitest";
import { openLayout } from "../../src/cache/oci-layout.js";
import { collect, describeBlob } from "../support/blobs.js";
import { tempFolder } from "../support/temp-folder.js";

const MANIFEST = "application/vnd.oci.image.manifest.v1+json";
const NAME = "org.opencontainers.image.ref.name";

function layoutWith(names: readonly string[]): string {
  const dir = tempFolder();
  mkdirSync(join(dir, "blobs", "sha256"), { recursive: true });
  writeFileSync(join(dir, "oci-layout"), '{"imageLayoutVersion":"1.0.0"}');
  const manifests = names.map((name) => {
    const blob = describeBlob(name, MANIFEST);
    writeFileSync(join(dir, "blobs", "sha256", blob.digest.slice(7)), name);
    return { ...blob, annotations: { [NAME]: name } };
  });
  writeFileSync(join(dir, "index.json"), JSON.stringify({ schemaVersion: 2, manifests }));
  return dir;
}

test("finds an image by tag, by digest, and without a name where there is one", async () => {
  const layout = await openLayout(layoutWith(["latest", "1.0"]));
  const wanted = describeBlob("1.0", MANIFEST);
  expect(layout.find("1.0")).toMatchObject(wanted);
  expect(layout.find(wanted.digest)).toMatchObject(wanted);
  expect((await collect(layout.blobs.open(layout.find("1.0")))).toString()).toBe("1.0");
  expect((await openLayout(layoutWith(["only"]))).find()).toMatchObject(describeBlob("only", MANIFEST));
});

test("an absent or ambiguous image is an error that lists what is there", async () => {
  const layout = await openLayout(layoutWith(["latest", "1.0"]));
  for (const wanted of ["2.0", undefined]) {
    const find = (): unknown => layout.find(wanted);
    expect(find).toThrowError(expect.objectContaining({ code: "IMAGE_NOT_FOUND", hint: "It holds latest, 1.0." }));
  }
  const empty = await openLayout(layoutWith([]));
  expect(() => empty.find()).toThrowError(expect.objectContaining({ hint: "It is empty." }));
});

test("C4: a tag named like a member of every object is not found where it is not", async () => {
  const layout = await openLayout(layoutWith(["latest"]));
  for (const name of ["__proto__", "constructor", "toString"]) {
    expect(() => layout.find(name)).toThrowError(expect.objectContaining({ code: "IMAGE_NOT_FOUND" }));
  }
});

test.each(["oci-layout", "index.json"])("a folder without %s is no layout", async (name) => {
  const dir = layoutWith(["latest"]);
  rmSync(join(dir, name));
  await expect(openLayout(dir)).rejects.toMatchObject({ code: "IMAGE_NOT_FOUND" });
});

test.each([
  "{",
  "null",
  '{"schemaVersion":2,"manifests":{}}',
  '{"schemaVersion":2,"manifests":[1]}',
  '{"schemaVersion":2,"manifests":[{"mediaType":"x","digest":"sha256:../../../etc/passwd","size":1}]}',
  '{"schemaVersion":2,"manifests":[],"config":{},"layers":[]}',
])("D2, D3, D4: the index %j is refused", async (text) => {
  const dir = layoutWith([]);
  writeFileSync(join(dir, "index.json"), text);
  await expect(openLayout(dir)).rejects.toMatchObject({ code: "DOCUMENT_INVALID" });
});

test("S3: a damaged blob of a foreign layout is an error, and is left as it is", async () => {
  const dir = layoutWith(["latest"]);
  const layout = await openLayout(dir);
  const blob = layout.find();
  writeFileSync(join(dir, "blobs", "sha256", blob.digest.slice(7)), "LATEST");
  for (let round = 0; round < 2; round++) {
    await expect(collect(layout.blobs.open(blob))).rejects.toMatchObject({ code: "BLOB_DIGEST_MISMATCH" });
  }
});

test.runIf(process.platform === "linux")(
  "U8: a FIFO in place of a blob is a miss, and nobody waits for it",
  async () => {
    const dir = layoutWith(["latest"]);
    const layout = await openLayout(dir);
    const blob = layout.find();
    const path = join(dir, "blobs", "sha256", blob.digest.slice(7));
    rmSync(path);
    execFileSync("mkfifo", [path], { cwd: dirname(path) });
    expect(await layout.blobs.has(blob)).toBe(false);
    await expect(collect(layout.blobs.open(blob))).rejects.toMatchObject({ code: "BLOB_NOT_FOUND" });
  },
);
