/** What a registry client does, each as one operation with its right result: the rows of the table of faults. */
import { join } from "node:path";
import { parseReference, type Reference } from "../../src/oci/reference.js";
import type { RegistryClient } from "../../src/registry/client.js";
import { copyImage } from "../../src/registry/copy.js";
import { credentialFile } from "../../src/registry/credential-file.js";
import { deleteBlob, deleteManifest, deleteTag } from "../../src/registry/delete.js";
import { listRepositories, listTags } from "../../src/registry/lists.js";
import { login } from "../../src/registry/login.js";
import { registrySource } from "../../src/registry/pull.js";
import { registryPusher } from "../../src/registry/push.js";
import { listReferrers } from "../../src/registry/referrers.js";
import { registryResolver } from "../../src/registry/resolver.js";
import type { Fault } from "../../src/testing/registry/faults.js";
import type { TestRegistry } from "../../src/testing/registry/registry.js";
import {
  blobOf,
  bytesFor,
  collect,
  OCI_CONFIG,
  OCI_LAYER,
  OCI_MANIFEST,
  putImage,
  readerOf,
  type TestImage,
} from "./registry.js";

export interface OperationContext {
  readonly registry: TestRegistry;
  readonly client: RegistryClient;
  /** A folder of this operation's own. */
  readonly folder: string;
  readonly image: TestImage;
  readonly name: Reference;
}

export interface Operation {
  readonly name: string;
  /** The request that faults hit. */
  readonly hits: Pick<Fault, "method" | "path">;
  /** Rejects when it does not succeed, or has another result than the right one. */
  run(context: OperationContext): Promise<void>;
}

/** Thrown for a result that is not the right one: the worst outcome. */
export class WrongResult extends Error {}

function expectRight(isRight: boolean | undefined, what: string): void {
  if (isRight !== true) throw new WrongResult(what);
}

const NEW_BYTES = bytesFor("new layer", 300_000);
const BASE = bytesFor("base layer", 50_000);

const referrer = (image: TestImage): Buffer => {
  const { platform: _platform, ...subject } = image.descriptor;
  const config = blobOf(image.config, OCI_CONFIG);
  return Buffer.from(
    JSON.stringify({
      schemaVersion: 2,
      mediaType: OCI_MANIFEST,
      artifactType: "application/x-sig",
      config,
      layers: [],
      subject,
    }),
  );
};

/** Fills the registry before an operation. */
export function fill(registry: TestRegistry): TestImage {
  const image = putImage(registry.content, "team/app", "1");
  registry.content.putManifest("team/app", referrer(image), OCI_MANIFEST);
  registry.content.putBlob("team/base", BASE);
  return image;
}

async function listOf(names: AsyncIterable<string>): Promise<string> {
  const list: string[] = [];
  for await (const name of names) list.push(name);
  return list.join(" ");
}

async function pushNew({ registry, client, name }: OperationContext, bytes: Buffer): Promise<void> {
  const blob = blobOf(bytes, OCI_LAYER);
  await registryPusher(client).pushBlob(name, blob, readerOf(bytes, 65_536));
  expectRight(registry.content.blob("team/app", blob.digest)?.equals(bytes), "the blob is not there");
}

export const OPERATIONS: readonly Operation[] = [
  {
    name: "manifest by tag",
    hits: { method: "GET", path: "/manifests/1" },
    async run({ client, name, image }) {
      const { bytes } = await registrySource(client, name).fetchManifest("1");
      expectRight(bytes.equals(image.manifest), "another manifest");
    },
  },
  {
    name: "manifest by digest",
    hits: { method: "GET", path: "/manifests/sha256" },
    async run({ client, name, image }) {
      const { bytes } = await registrySource(client, name).fetchManifest(image.descriptor.digest);
      expectRight(bytes.equals(image.manifest), "another manifest");
    },
  },
  {
    name: "digest of a tag",
    hits: { method: "HEAD", path: "/manifests/1" },
    async run({ client, name, image }) {
      const source = registrySource(client, name);
      // Only a claim: what it names decides, and a registry that does not tell is asked for the manifest.
      const { bytes } = await source.fetchManifest((await source.resolveTag("1")) ?? "1");
      expectRight(bytes.equals(image.manifest), "another manifest");
    },
  },
  {
    name: "image",
    hits: { method: "GET", path: "/blobs/sha256" },
    async run({ client, name, image }) {
      const platform = { os: "linux", architecture: "amd64" };
      const found = await registryResolver(client).resolve(`${name.registry}/team/app:1`, platform);
      expectRight(found.configBytes.equals(image.config), "another config");
    },
  },
  {
    name: "blob",
    hits: { method: "GET", path: "/blobs/sha256" },
    async run({ client, name, image }) {
      const bytes = await collect(registrySource(client, name).open(blobOf(image.layer, OCI_LAYER)));
      expectRight(bytes.equals(image.layer), "another blob");
    },
  },
  {
    name: "look for a blob",
    hits: { method: "HEAD", path: "/blobs/" },
    async run(context) {
      await pushNew(context, NEW_BYTES);
    },
  },
  {
    name: "open an upload",
    hits: { method: "POST", path: "/uploads/" },
    async run(context) {
      await pushNew(context, NEW_BYTES);
    },
  },
  {
    name: "blob in one PUT",
    hits: { method: "PUT", path: "/uploads/" },
    async run(context) {
      await pushNew(context, NEW_BYTES);
    },
  },
  {
    name: "piece of a blob",
    hits: { method: "PATCH", path: "/uploads/" },
    async run(context) {
      const refusal = { status: 413, headers: { "content-type": "text/plain" }, body: Buffer.from("too large") };
      context.registry.fail({
        method: "PUT",
        path: "/uploads/",
        times: 1,
        action: { type: "answer", reply: () => refusal },
      });
      await pushNew(context, NEW_BYTES);
    },
  },
  {
    name: "mount",
    hits: { method: "POST", path: "mount=" },
    async run({ registry, client, name }) {
      const blob = blobOf(BASE, OCI_LAYER);
      await registryPusher(client).pushBlob(name, blob, readerOf(BASE), { mountFrom: "team/base" });
      expectRight(registry.content.blob("team/app", blob.digest)?.equals(BASE), "the blob is not there");
    },
  },
  {
    name: "put a tag",
    hits: { method: "PUT", path: "/manifests/2" },
    async run({ registry, client, name, image }) {
      await registryPusher(client).pushManifest({ ...name, tag: "2" }, image.descriptor, image.manifest);
      expectRight(registry.content.manifest("team/app", "2")?.bytes.equals(image.manifest), "the tag is not there");
    },
  },
  {
    name: "put a referrer",
    hits: { method: "PUT", path: "/manifests/sha256" },
    async run({ registry, client, name, image }) {
      const bytes = Buffer.from(`${referrer(image).toString().slice(0, -1)},"annotations":{"n":"1"}}`);
      const { tag: _tag, ...untagged } = name;
      await registryPusher(client).pushManifest(untagged, blobOf(bytes, OCI_MANIFEST), bytes);
      expectRight(registry.content.manifest("team/app", blobOf(bytes).digest)?.bytes.equals(bytes), "it is not there");
    },
  },
  {
    name: "tags",
    hits: { method: "GET", path: "/tags/list" },
    async run({ client, name }) {
      const tags = await listOf(listTags(client, name, { pageSize: 1 }));
      expectRight(tags === "1", `tags are "${tags}"`);
    },
  },
  {
    name: "repositories",
    hits: { method: "GET", path: "/_catalog" },
    async run({ client, registry }) {
      const names = await listOf(listRepositories(client, registry.host));
      expectRight(names === "team/app team/base", `repositories are "${names}"`);
    },
  },
  {
    name: "referrers",
    hits: { method: "GET", path: "/referrers/" },
    async run({ client, name, image }) {
      const found = await listReferrers(client, name, image.descriptor.digest);
      expectRight(found.map(({ digest }) => digest).join() === blobOf(referrer(image)).digest, "other referrers");
    },
  },
  {
    name: "delete a tag",
    hits: { method: "DELETE", path: "/manifests/1" },
    async run({ registry, client, name }) {
      await deleteTag(client, name, "1");
      expectRight(registry.content.tags("team/app")?.length === 0, "the tag is still there");
    },
  },
  {
    name: "delete a manifest",
    hits: { method: "DELETE", path: "/manifests/sha256" },
    async run({ registry, client, name, image }) {
      await deleteManifest(client, name, image.descriptor.digest);
      expectRight(registry.content.manifest("team/app", "1") === undefined, "the manifest is still there");
    },
  },
  {
    name: "delete a blob",
    hits: { method: "DELETE", path: "/blobs/" },
    async run({ registry, client, name, image }) {
      await deleteBlob(client, name, blobOf(image.layer).digest);
      expectRight(registry.content.blob("team/app", blobOf(image.layer).digest) === undefined, "it is still there");
    },
  },
  {
    name: "copy",
    hits: { path: /\/copy\/app\/(?:manifests|blobs\/uploads)/ },
    async run({ registry, client, name, image }) {
      await copyImage(client, name, parseReference(`${name.registry}/copy/app:3`));
      expectRight(registry.content.manifest("copy/app", "3")?.bytes.equals(image.manifest), "the copy is not there");
      expectRight(
        registry.content.blob("copy/app", blobOf(image.layer).digest)?.equals(image.layer),
        "its layer is not",
      );
    },
  },
  {
    name: "log in",
    hits: { method: "GET", path: /^\/v2\/$/ },
    async run({ registry, client, folder }) {
      const credentials = { kind: "basic", username: "me", password: CANARY } as const;
      const saved = await login(client, registry.host, credentials, {
        file: credentialFile(join(folder, "config.json")),
      });
      expectRight(saved.key === registry.host, "saved under another name");
    },
  },
];

/** The password in all these tests: it may be at its own registry and token server, and nowhere else. */
export const CANARY = "canary-5d41402abc4b2a76";
