/**
 * A store of blobs as Azure's behind signed URLs, as strict as that about what is sent: nothing but the signed query proves
 * who asks, blocks count when a list names them, and errors repeat what was sent.
 */
import { createHmac, randomBytes } from "node:crypto";
import type { IncomingMessage, ServerResponse } from "node:http";

interface Blob {
  content: Buffer | undefined;
  readonly blocks: Map<string, Buffer>;
}

export class AzureBlobs {
  readonly #key = randomBytes(32);
  readonly #blobs = new Map<string, Blob>();
  /** URLs of earlier epochs have expired. */
  epoch = 0;

  /** Path and query for a new or known blob. `rights` are letters: r to read, w to write. */
  sign(id: string, rights: string): string {
    if (!this.#blobs.has(id)) this.#blobs.set(id, { content: undefined, blocks: new Map() });
    return `/container/${id}?${this.#query(id, rights)}`;
  }

  /** What is committed. */
  content(id: string): Buffer | undefined {
    return this.#blobs.get(id)?.content;
  }

  setContent(id: string, content: Buffer | undefined): void {
    this.#blobs.get(id)!.content = content;
  }

  answer(request: IncomingMessage, body: Buffer, response: ServerResponse): ServerResponse {
    const { method = "", url = "", headers } = request;
    const [path, query = ""] = url.split("?") as [string, string?];
    const id = path.slice("/container/".length);
    const blob = this.#blobs.get(id);
    const refuse = (status: number, code: string): ServerResponse => {
      const sent = `${url}\n${request.rawHeaders.join("\n")}`.replaceAll("<", "").replaceAll("&", "&amp;");
      response.writeHead(status, { "content-type": "application/xml", "x-ms-error-code": code });
      return response.end(`\ufeff<?xml version="1.0"?><Error><Code>${code}</Code><Message>${sent}</Message></Error>`);
    };
    // A token of another service makes Azure judge that, not the signature.
    if (headers.authorization !== undefined) return refuse(401, "InvalidAuthenticationInfo");
    const right = method === "GET" || method === "HEAD" ? "r" : "w";
    const rights = new URLSearchParams(query).get("sp") ?? "";
    if (blob === undefined || !rights.includes(right)) return refuse(403, "AuthorizationPermissionMismatch");
    const signed = this.#query(id, rights);
    if (query !== signed && !query.startsWith(`${signed}&`)) return refuse(403, "AuthenticationFailed");
    const rest = new URLSearchParams(query.slice(signed.length));
    if (method === "GET") return this.#read(blob, headers.range, response, refuse);
    if (method !== "PUT") return refuse(405, "UnsupportedHttpVerb");
    if (headers["content-length"] === undefined) return refuse(411, "MissingContentLengthHeader");
    const done = (): ServerResponse => response.writeHead(201, { etag: '"0x1"' }).end();
    switch (rest.get("comp")) {
      case null:
        if (headers["x-ms-blob-type"] !== "BlockBlob") return refuse(400, "MissingRequiredHeader");
        blob.content = body;
        return done();
      case "block": {
        const blockId = rest.get("blockid") ?? "";
        if (!/^[A-Za-z0-9+/]+=*$/.test(blockId) || blockId.length > 88)
          return refuse(400, "InvalidQueryParameterValue");
        if (body.length === 0) return refuse(400, "InvalidHeaderValue");
        const [other] = blob.blocks.keys();
        if (other !== undefined && other.length !== blockId.length) return refuse(400, "InvalidBlobOrBlock");
        blob.blocks.set(blockId, body);
        return done();
      }
      case "blocklist": {
        const list = /^<\?xml version="1\.0" encoding="utf-8"\?><BlockList>(.*)<\/BlockList>$/.exec(body.toString());
        if (list === null) return refuse(400, "InvalidXmlDocument");
        const blocks = [...list[1]!.matchAll(/<Latest>([^<]*)<\/Latest>/g)].map((match) => blob.blocks.get(match[1]!));
        if (blocks.includes(undefined)) return refuse(400, "InvalidBlockList");
        blob.content = Buffer.concat(blocks as Buffer[]);
        blob.blocks.clear();
        return done();
      }
      default:
        return refuse(400, "InvalidQueryParameterValue");
    }
  }

  #read(
    { content }: Blob,
    range: string | undefined,
    response: ServerResponse,
    refuse: (status: number, code: string) => ServerResponse,
  ): ServerResponse {
    if (content === undefined) return refuse(404, "BlobNotFound");
    if (range === undefined) return response.writeHead(200, { "content-length": content.length }).end(content);
    const from = Number(/^bytes=(\d+)-$/.exec(range)?.[1] ?? Number.NaN);
    if (!(from < content.length)) return refuse(416, "InvalidRange");
    const part = content.subarray(from);
    response.writeHead(206, {
      "content-length": part.length,
      "content-range": `bytes ${from}-${content.length - 1}/${content.length}`,
    });
    return response.end(part);
  }

  /** With characters that may be written in several ways, of which only one is signed. */
  #query(id: string, rights: string): string {
    const signature = createHmac("sha256", this.#key).update(`${this.epoch} ${id} ${rights}`).digest("base64");
    return `se=2030-01-01T00%3A00%3A00Z&sp=${rights}&sv=2025-05-05&rscd=a%20b~&sig=canary${encodeURIComponent(signature)}`;
  }
}
