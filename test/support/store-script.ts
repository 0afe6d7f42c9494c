/**
 * What the tests of the store run in processes of their own.
 *
 * `tags ROOT NAME COUNT`: writes COUNT blobs (the same in every process) and tags them NAME:0 … NAME:COUNT-1.
 * `work ROOT NAME KILL-AT`: does one of everything, and kills itself with SIGKILL right before the KILL-AT-th call that
 * changes the file system (0: never; prints the number of such calls). Prints `tagged REFERENCE` after each tag.
 */
import fs from "node:fs";
import { syncBuiltinESMExports } from "node:module";
import type { ByteString } from "../../src/util/bytes.js";

const [mode, root, name, number] = process.argv.slice(2) as [string, string, string, string];

/** Calls of node:fs that change files, as the store uses them. */
const CHANGING = [
  "openSync",
  "writeSync",
  "closeSync",
  "renameSync",
  "unlinkSync",
  "mkdirSync",
  "rmSync",
  "fsyncSync",
  "fdatasync",
  "writeFileSync",
  "chmodSync",
] as const;

let calls = 0;

function killBefore(at: number): void {
  const module = fs as unknown as Record<string, (...args: unknown[]) => unknown>;
  for (const call of CHANGING) {
    const original = module[call]!;
    module[call] = (...args) => {
      calls++;
      if (calls === at) process.kill(process.pid, "SIGKILL");
      return original(...args);
    };
  }
  syncBuiltinESMExports();
}

if (mode === "work") killBefore(Number(number));

const { openStore } = await import("../../src/cache/store.js");
const { digestOf } = await import("../../src/oci/digest.js");
const store = await openStore(root);

const contentOf = (text: string): Buffer => Buffer.from(`${text}\n`.repeat(20_000));

async function writeBlob(
  text: string,
): Promise<{ mediaType: string; digest: ReturnType<typeof digestOf>; size: number }> {
  const content = contentOf(text);
  const blob = { mediaType: "application/octet-stream", digest: digestOf(content), size: content.length };
  await store.blobs.write(blob, [content.subarray(0, 50_000), content.subarray(50_000)]);
  return blob;
}

async function tagAll(count: number): Promise<void> {
  for (let at = 0; at < count; at++) {
    const blob = await writeBlob(`blob ${at}`);
    await store.images.tag(`${name}:${at}`, blob);
    fs.writeSync(1, `tagged ${name}:${at}\n`);
  }
}

async function workOnce(): Promise<void> {
  await tagAll(2);
  const tar = contentOf("tar");
  const diffId = digestOf(tar) as string as Parameters<typeof store.layers.tarPath>[0];
  const file = store.layers.createTar();
  file.write(tar);
  await store.layers.publishTar(file, diffId);
  store.layers.writeIndex(diffId, contentOf("index"));
  store.layers.rememberCompressed(diffId, "none", await writeBlob("blob 0"));
  const parts = { kind: "copy", platform: "", projection: { a: 1 }, parent: null, inputs: [diffId] };
  const empty = "" as ByteString;
  const read = { path: "file" as ByteString, mode: 0o644, uid: 0, gid: 0, content: empty, xattrs: empty };
  const { key, shapeKey } = store.steps.put(parts, { diffId }, [{ name: "", files: [{ ...read, type: "file" }] }]);
  const base = { kind: "scratch", name: "scratch", digest: null, chain: null };
  const steps = [{ kind: "copy", title: "COPY . /", shape: shapeKey, key, diffId }];
  store.journals.add("d".repeat(64), [{ stage: "0", platform: "linux/amd64", base, steps }]);
  store.stats.save("e".repeat(64), contentOf("stat"));
}

if (mode === "tags") await tagAll(Number(number));
else {
  await workOnce();
  fs.writeSync(1, `calls ${calls}\n`);
}
