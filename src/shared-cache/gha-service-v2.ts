/**
 * The second version of the cache service: a few calls in JSON, and content that goes to Azure's store of blobs, in one piece
 * or as blocks and a list of them.
 */
import { OcibuildError } from "../errors.js";
import type { Abortable } from "../oci/blobs.js";
import type { JsonObject } from "../util/strict-json.js";
import type { GhaConnection, ServiceReply } from "./gha-connection.js";
import { ENTRY_VERSION } from "./gha-place.js";
import type { GhaService } from "./gha-service.js";

const ROOT = "/twirp/github.actions.results.api.v1.CacheService";
const HEADERS = { "content-type": "application/json" };
const TAKEN = /already exists/i;

export function ghaServiceV2(connection: GhaConnection): GhaService {
  const call = (
    name: string,
    fields: JsonObject,
    expect: readonly number[],
    options: Abortable,
  ): Promise<ServiceReply> => {
    const body = Buffer.from(JSON.stringify({ ...fields, version: ENTRY_VERSION }));
    return connection.ask({ method: "POST", path: `${ROOT}/${name}`, headers: HEADERS, body, expect }, options);
  };
  /** The service answers with status 200 also when it does not do what was asked. */
  const refused = (name: string, value: JsonObject): OcibuildError => {
    const url = `${connection.shownUrl.origin}${ROOT}/${name}`;
    const said = connection.said(value);
    return new OcibuildError("REGISTRY_REQUEST", `POST ${url} was refused${said === "" ? "" : `: ${said}`}`, {
      details: { method: "POST", url, status: 200, retryable: false },
    });
  };
  return {
    async find(name, options) {
      const { status, value } = await call(
        "GetCacheEntryDownloadURL",
        { key: name, restore_keys: [name] },
        [404],
        options,
      );
      const found = value["matched_key"] ?? value["matchedKey"];
      if (status === 404 || value["ok"] !== true || typeof found !== "string") return undefined;
      return { name: found, url: connection.blobUrl(value["signed_download_url"] ?? value["signedDownloadUrl"]) };
    },
    async reserve(name, sizeBytes, options) {
      const { status, value } = await call("CreateCacheEntry", { key: name }, [409], options);
      if (status === 409) return undefined;
      if (value["ok"] !== true) {
        if (TAKEN.test(connection.said(value))) return undefined;
        throw refused("CreateCacheEntry", value);
      }
      const url = connection.blobUrl(value["signed_upload_url"] ?? value["signedUploadUrl"]);
      const blocks: string[] = [];
      return {
        async writeBlock({ number, bytes }, limited) {
          if (bytes.length === sizeBytes) return put(connection, url, "", bytes, limited);
          const id = blockId(number);
          blocks[number] = id;
          await put(connection, url, `comp=block&blockid=${encodeURIComponent(id)}`, bytes, limited);
        },
        async finish(limited) {
          if (blocks.length > 0) {
            const list = blocks.map((id) => `<Latest>${id}</Latest>`).join("");
            const xml = `<?xml version="1.0" encoding="utf-8"?><BlockList>${list}</BlockList>`;
            await put(connection, url, "comp=blocklist", Buffer.from(xml), limited);
          }
          const done = await call(
            "FinalizeCacheEntryUpload",
            { key: name, size_bytes: String(sizeBytes) },
            [],
            limited,
          );
          if (done.value["ok"] !== true) throw refused("FinalizeCacheEntryUpload", done.value);
        },
      };
    },
  };
}

/** All of a blob have the same length. */
function blockId(number: number): string {
  return Buffer.from(String(number).padStart(6, "0")).toString("base64");
}

async function put(
  connection: GhaConnection,
  signed: URL,
  query: string,
  body: Buffer,
  options: Abortable,
): Promise<void> {
  const url = new URL(signed);
  // The query is signed: it stays byte for byte as it is.
  if (query !== "") url.search += `${url.search === "" ? "?" : "&"}${query}`;
  const type = query === "comp=blocklist" ? "application/xml" : "application/octet-stream";
  const headers = { "content-type": type, ...(query === "" ? { "x-ms-blob-type": "BlockBlob" } : {}) };
  await (await connection.repeatedBlob({ method: "PUT", url, headers, body }, options)).discard();
}
