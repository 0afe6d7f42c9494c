import { existsSync, readdirSync, readFileSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { BlobDirectory } from "../../src/cache/blob-directory.js";
import { LayerFiles } from "../../src/cache/layer-files.js";
import { PendingFile } from "../../src/cache/pending-file.js";
import type { StoreFolders } from "../../src/cache/store-folders.js";
import { type DiffId, digestOf } from "../../src/oci/digest.js";
import { collect, describeBlob } from "../support/blobs.js";
import { tempFolder } from "../support/temp-folder.js";

const TAR = Buffer.alloc(10_240, "tar ");
const DIFF_ID = digestOf(TAR) as string as DiffId;

interface Fixture {
  readonly root: string;
  readonly blobs: BlobDirectory;
  readonly warnings: string[];
  /** The layers as a process sees them that runs in the boot named `boot`. */
  in(boot: string | null): LayerFiles;
}

function fixture(): Fixture {
  const root = tempFolder();
  const warnings: string[] = [];
  const folders: StoreFolders = {
    images: join(root, "images"),
    tmp: join(root, "tmp"),
    createFile: () => PendingFile.create(join(root, "tmp")),
    touch: () => {},
    prepareImages: () => Promise.resolve(),
    lost: (message) => warnings.push(message),
    warn: (message) => warnings.push(message),
  };
  const blobs = new BlobDirectory(folders);
  return { root, blobs, warnings, in: (boot) => new LayerFiles(join(root, "layers"), folders, blobs, boot) };
}

async function publish(layers: LayerFiles, tar: Buffer = TAR, diffId: DiffId = DIFF_ID): Promise<void> {
  const file = layers.createTar();
  file.write(tar);
  await layers.publishTar(file, diffId);
}

test("a published tar is there under its diffID, and its bytes are verified when they are read", async () => {
  const layers = fixture().in("boot1");
  expect([layers.hasTar(DIFF_ID), layers.tarSize(DIFF_ID)]).toEqual([false, undefined]);
  expect(await layers.verifiedTar(DIFF_ID)).toBeUndefined();
  await expect(collect(layers.readTar(DIFF_ID))).rejects.toMatchObject({ code: "BLOB_NOT_FOUND" });
  await publish(layers);
  expect([layers.hasTar(DIFF_ID), layers.tarSize(DIFF_ID)]).toEqual([true, TAR.length]);
  expect(await layers.verifiedTar(DIFF_ID)).toBe(layers.tarPath(DIFF_ID));
  expect(TAR.equals(await collect(layers.readTar(DIFF_ID)))).toBe(true);
});

test("publishing a tar that is there keeps the first and removes the second", async () => {
  const { root, in: layersIn } = fixture();
  const layers = layersIn("boot1");
  await publish(layers);
  await publish(layers);
  expect(readdirSync(join(root, "tmp"))).toEqual([]);
  expect(readdirSync(join(root, "layers")).sort()).toEqual([`${DIFF_ID.slice(7)}.size`, `${DIFF_ID.slice(7)}.tar`]);
});

test("K1: a tar without its size record, as a killed process leaves it, is a miss and is replaced", async () => {
  const layers = fixture().in("boot1");
  const file = layers.createTar();
  file.write(TAR.subarray(0, 512));
  file.commitUnsynced(layers.tarPath(DIFF_ID));
  expect(layers.hasTar(DIFF_ID)).toBe(false);
  expect(await layers.verifiedTar(DIFF_ID)).toBeUndefined();
  await publish(layers);
  expect(TAR.equals(readFileSync((await layers.verifiedTar(DIFF_ID))!))).toBe(true);
});

test("K2: after a restart of the machine a tar is hashed before its first use; a torn one is a miss", async () => {
  const { in: layersIn, warnings } = fixture();
  await publish(layersIn("boot1"));
  const torn = Buffer.from(TAR);
  torn.fill(0, 4096, 8192);
  writeFileSync(layersIn("boot1").tarPath(DIFF_ID), torn);

  const layers = layersIn("boot2");
  expect(await layers.verifiedTar(DIFF_ID)).toBeUndefined();
  expect(layers.hasTar(DIFF_ID)).toBe(false);
  expect(warnings).toEqual([expect.stringContaining(DIFF_ID)]);
  await publish(layers);
  expect(TAR.equals(readFileSync((await layers.verifiedTar(DIFF_ID))!))).toBe(true);
});

test("K2: a tar that was whole after a restart is not hashed again, in any later boot", async () => {
  const { in: layersIn } = fixture();
  await publish(layersIn("boot1"));
  expect(await layersIn("boot2").verifiedTar(DIFF_ID)).toBeDefined();
  // Changed in place, which nobody does: shows that the tar is not read.
  writeFileSync(layersIn("boot2").tarPath(DIFF_ID), Buffer.alloc(TAR.length));
  for (const boot of ["boot2", "boot3"]) expect(await layersIn(boot).verifiedTar(DIFF_ID)).toBeDefined();
});

test("K2: where the system does not name its boots, a tar is on the disk before it has a name", async () => {
  const { in: layersIn } = fixture();
  await publish(layersIn(null));
  const record = readFileSync(layersIn(null).tarPath(DIFF_ID).replace(/tar$/, "size"), "utf8");
  expect(record).toContain('"boot":"durable"');
  expect(await layersIn(null).verifiedTar(DIFF_ID)).toBeDefined();
});

test("K2: an empty or cut tar is a miss at the first look", async () => {
  const layers = fixture().in("boot1");
  await publish(layers);
  for (const length of [TAR.length - 1, 0]) {
    truncateSync(layers.tarPath(DIFF_ID), length);
    expect(layers.hasTar(DIFF_ID)).toBe(false);
  }
  await publish(layers);
  expect(layers.hasTar(DIFF_ID)).toBe(true);
});

test("K5: rot in a tar is found when it is read, and the tar is a miss from then on", async () => {
  const layers = fixture().in("boot1");
  await publish(layers);
  const rotten = Buffer.from(TAR);
  rotten[5000]! ^= 1;
  writeFileSync(layers.tarPath(DIFF_ID), rotten);
  await expect(collect(layers.readTar(DIFF_ID))).rejects.toMatchObject({ code: "BLOB_DIGEST_MISMATCH" });
  expect(layers.hasTar(DIFF_ID)).toBe(false);
});

test("an index is given back as it was written; a damaged one is a miss", () => {
  const layers = fixture().in("boot1");
  expect(layers.readIndex(DIFF_ID)).toBeUndefined();
  const index = Buffer.from([0, 1, 2, 255]);
  layers.writeIndex(DIFF_ID, index);
  expect(layers.readIndex(DIFF_ID)).toEqual(index);
  const path = layers.tarPath(DIFF_ID).replace(/tar$/, "index");
  for (const bytes of [Buffer.alloc(0), readFileSync(path).subarray(0, -1), Buffer.alloc(132)]) {
    writeFileSync(path, bytes);
    expect(layers.readIndex(DIFF_ID)).toBeUndefined();
  }
  layers.writeIndex(DIFF_ID, Buffer.alloc(0));
  expect(layers.readIndex(DIFF_ID)).toHaveLength(0);
});

test("compressed forms are remembered by specification, newest first, while their blobs are there", async () => {
  const { in: layersIn, blobs } = fixture();
  const layers = layersIn("boot1");
  expect(layers.compressedForms(DIFF_ID)).toEqual([]);
  const [gzip, zstd] = [describeBlob("gzipped"), describeBlob("zstandard")];
  layers.rememberCompressed(DIFF_ID, "gzip 4", gzip);
  layers.rememberCompressed(DIFF_ID, "__proto__", zstd);
  expect(layers.compressedForms(DIFF_ID)).toEqual([]);
  await blobs.write(gzip, [Buffer.from("gzipped")]);
  expect(layers.compressedForms(DIFF_ID)).toEqual([{ spec: "gzip 4", descriptor: gzip }]);
  await blobs.write(zstd, [Buffer.from("zstandard")]);
  layers.rememberCompressed(DIFF_ID, "gzip 4", gzip);
  expect(layers.compressedForms(DIFF_ID)).toEqual([
    { spec: "gzip 4", descriptor: gzip },
    { spec: "__proto__", descriptor: zstd },
  ]);
});

test("S3, S5: a damaged record of compressed forms is a miss, and the record stays small", async () => {
  const { in: layersIn, blobs } = fixture();
  const layers = layersIn("boot1");
  const blob = describeBlob("x");
  await blobs.write(blob, [Buffer.from("x")]);
  for (let at = 0; at < 100; at++) layers.rememberCompressed(DIFF_ID, `spec ${at}`, blob);
  const forms = layers.compressedForms(DIFF_ID);
  expect(forms).toHaveLength(32);
  expect(forms[0]?.spec).toBe("spec 99");
  writeFileSync(layers.tarPath(DIFF_ID).replace(/tar$/, "forms"), "");
  expect(layers.compressedForms(DIFF_ID)).toEqual([]);
});

test("K4: what only saves time is not an error where it cannot be written", () => {
  const { root, warnings, in: layersIn } = fixture();
  writeFileSync(join(root, "tmp"), "a file in the way");
  const layers = layersIn("boot1");
  layers.writeIndex(DIFF_ID, Buffer.from("x"));
  layers.rememberCompressed(DIFF_ID, "gzip", describeBlob("x"));
  expect(warnings).toHaveLength(2);
  expect(existsSync(join(root, "layers"))).toBe(false);
  expect(() => layers.createTar()).toThrowError(expect.objectContaining({ code: "STORE_UNUSABLE" }));
});
