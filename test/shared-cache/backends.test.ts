/** The same cases for all places of shared caches, in folders and in servers of this process. */
import { rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { createTransport, DEFAULT_TIMEOUTS, type Transport } from "../../src/http/transport.js";
import { hexOf } from "../../src/oci/digest.js";
import { parseReference } from "../../src/oci/reference.js";
import type { DocumentCache } from "../../src/registry/resolver.js";
import { ghaCacheWriter, openGhaCache } from "../../src/shared-cache/gha-backend.js";
import { ghaPlace, layerName } from "../../src/shared-cache/gha-place.js";
import { localCacheWriter, openLocalCache } from "../../src/shared-cache/local-backend.js";
import { openRegistryCache, registryCacheWriter } from "../../src/shared-cache/registry-backend.js";
import { openS3Cache, s3CacheWriter } from "../../src/shared-cache/s3-backend.js";
import { s3Place } from "../../src/shared-cache/s3-place.js";
import { startRegistry } from "../../src/testing/registry/registry.js";
import { type BackendPlace, describeBackend } from "../support/cache-backend-suite.js";
import { startGhaServer } from "../support/gha-server.js";
import { testClient } from "../support/registry.js";
import { startS3Server } from "../support/s3-server.js";
import { tempFolder } from "../support/temp-folder.js";

const NOTHING: DocumentCache = { read: async () => undefined, write: async () => {} };

function transport(): Transport {
  return createTransport({
    userAgent: "test",
    timeouts: DEFAULT_TIMEOUTS,
    connectionsPerOrigin: 6,
    insecureHosts: new Set(),
    maxRedirects: 0,
  });
}

describeBackend("a folder", async (): Promise<BackendPlace> => {
  const dir = join(tempFolder(), "cache");
  const pathOf = (digest: string): string => join(dir, "blobs", "sha256", hexOf(digest as never));
  return {
    reader: async () => openLocalCache(dir),
    writer: async () => localCacheWriter(dir),
    removeLayer: ({ digest }) => rmSync(pathOf(digest)),
    replaceLayer: ({ digest }, bytes) => writeFileSync(pathOf(digest), bytes),
    async [Symbol.asyncDispose]() {},
  };
});

describeBackend("a registry", async (): Promise<BackendPlace> => {
  const registry = await startRegistry();
  const client = testClient();
  const reference = parseReference(`${registry.host}/team/app:cache`);
  return {
    reader: () => openRegistryCache(client, reference, NOTHING, {}),
    writer: () => registryCacheWriter(client, reference, { mountFrom: () => undefined }),
    removeLayer: ({ digest }) => void registry.content.delete("blobs", "team/app", digest),
    replaceLayer: ({ digest }, bytes) => void bytes.copy(registry.content.blob("team/app", digest)!),
    async [Symbol.asyncDispose]() {
      await client.close();
      await registry.close();
    },
  };
});

describeBackend("a bucket", async (): Promise<BackendPlace> => {
  const account = { accessKeyId: "id", secretAccessKey: "secret" };
  const server = await startS3Server("bucket", "eu-west-1", account);
  const options = { transport: transport(), wallMs: () => Date.now() };
  const place = s3Place({ region: "eu-west-1", bucket: "bucket", endpointUrl: server.url, ...account });
  const pathOf = (digest: string): string => place.blobUrl(digest as never).pathname;
  return {
    reader: () => openS3Cache(place, options, NOTHING, {}),
    writer: () => s3CacheWriter(place, options, {}),
    removeLayer: ({ digest }) => void server.objects.delete(pathOf(digest)),
    replaceLayer: ({ digest }, bytes) => void server.objects.set(pathOf(digest), bytes),
    async [Symbol.asyncDispose]() {
      await options.transport.close();
      await server[Symbol.asyncDispose]();
    },
  };
});

describeBackend("GitHub's service, version 1", () => inGha(1));
describeBackend("GitHub's service, version 2", () => inGha(2));

async function inGha(version: 1 | 2): Promise<BackendPlace> {
  const server = await startGhaServer();
  const options = { transport: transport() };
  const place = ghaPlace({ url: server.url, version, token: server.token("refs/heads/main") });
  const at = (digest: string): number => server.names().indexOf(layerName(digest as never));
  return {
    reader: () => openGhaCache(place, options, NOTHING, {}),
    writer: () => ghaCacheWriter(place, options, {}),
    removeLayer: ({ digest }) => void server.entries.splice(at(digest), 1),
    replaceLayer: ({ digest }, bytes) => server.blobs.setContent(String(server.entries[at(digest)]!.id), bytes),
    async [Symbol.asyncDispose]() {
      await options.transport.close();
      await server[Symbol.asyncDispose]();
    },
  };
}
