/** The first version of the cache service, which GitHub Enterprise Server and services like it have: content goes through it. */
import { protocolFailure } from "../http/protocol-failure.js";
import type { Abortable } from "../oci/blobs.js";
import type { GhaConnection, ServiceReply, ServiceRequest } from "./gha-connection.js";
import { ENTRY_VERSION } from "./gha-place.js";
import type { GhaService } from "./gha-service.js";

const ROOT = "/_apis/artifactcache";
const HEADERS = { accept: "application/json;api-version=6.0-preview.1" };

export function ghaServiceV1(connection: GhaConnection): GhaService {
  const ask = (request: Omit<ServiceRequest, "headers">, contentType: string, options: Abortable) =>
    connection.ask({ ...request, headers: { ...HEADERS, "content-type": contentType } }, options);
  const post = (path: string, value: object, expect: readonly number[], options: Abortable): Promise<ServiceReply> => {
    const body = Buffer.from(JSON.stringify(value));
    return ask({ method: "POST", path: `${ROOT}${path}`, body, expect }, "application/json", options);
  };
  return {
    async find(name, options) {
      const path = `${ROOT}/cache?keys=${encodeURIComponent(name)}&version=${ENTRY_VERSION}`;
      const { status, value } = await connection.ask({ method: "GET", path, headers: HEADERS, expect: [404] }, options);
      const { cacheKey, archiveLocation } = value;
      if (status !== 200 || typeof cacheKey !== "string") return undefined;
      return { name: cacheKey, url: connection.blobUrl(archiveLocation) };
    },
    async reserve(name, cacheSize, options) {
      const reply = await post("/caches", { key: name, version: ENTRY_VERSION, cacheSize }, [409], options);
      if (reply.status === 409) return undefined;
      const id = reply.value["cacheId"] ?? reply.value["cacheID"];
      if (typeof id !== "number" || !Number.isSafeInteger(id)) {
        throw protocolFailure("POST", connection.shownUrl, "expected the number of an entry");
      }
      return {
        async writeBlock({ offset, bytes }, limited) {
          const range = `bytes ${offset}-${offset + bytes.length - 1}/*`;
          const headers = { ...HEADERS, "content-type": "application/octet-stream", "content-range": range };
          const path = `${ROOT}/caches/${id}`;
          await connection.ask({ method: "PATCH", path, headers, body: bytes }, limited);
        },
        async finish(limited) {
          await post(`/caches/${id}`, { size: cacheSize }, [], limited);
        },
      };
    },
  };
}
