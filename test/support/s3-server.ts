/**
 * A bucket on loopback that checks every signature by itself, from what came (nothing of src/ is used), and repeats in its
 * errors what it was sent, as S3 does.
 */
import { createHash, createHmac } from "node:crypto";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import type { TestBucket } from "./s3-cache-suite.js";

export interface S3Server extends AsyncDisposable {
  readonly url: string;
  /** By path, the bucket included, as sent. */
  readonly objects: Map<string, Buffer>;
  /** `METHOD path status` of each request. */
  readonly requests: string[];
  /** Answers before anything else when it returns true. */
  intercept: ((request: IncomingMessage, response: ServerResponse) => boolean) | undefined;
  /** Code of the error that a wrong token gets. */
  tokenRefusal: string;
}

/** A bucket of that server. */
export interface DoubleBucket extends TestBucket {
  readonly server: S3Server;
}

export interface S3Account {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken?: string;
}

const ACCOUNT: S3Account = {
  accessKeyId: "CANARYKEYID",
  secretAccessKey: "canary/secret+key",
  sessionToken: "canary-token==",
};
const REGION = "eu-west-1";
/** Codes of status 403; the others of `wrongSignature` are of status 400. */
const FORBIDDEN = new Set(["AccessDenied", "InvalidAccessKeyId", "RequestTimeTooSkewed", "SignatureDoesNotMatch"]);
const ALLOWED_SKEW_MS = 15 * 60 * 1000;

/** Starts a server for it. */
export async function openDoubleBucket(): Promise<DoubleBucket> {
  const bucket = "bucket";
  const server = await startS3Server(bucket, REGION, ACCOUNT);
  const { objects, url } = server;
  const sent = (key: string): string => [...objects.keys()].find((path) => keyOf(path) === key) ?? `/${bucket}/${key}`;
  const keyOf = (path: string): string => decodeURIComponent(path.slice(bucket.length + 2));
  return {
    server,
    url,
    region: REGION,
    bucket,
    account: ACCOUNT,
    unknownKeyCode: "InvalidAccessKeyId",
    keys: async () => [...objects.keys()].map(keyOf).sort(),
    read: async (key) => objects.get(sent(key))!,
    write: async (key, bytes) => void objects.set(sent(key), bytes),
    remove: async (key) => void objects.delete(sent(key)),
    [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
  };
}

export async function startS3Server(bucket: string, region: string, account: S3Account): Promise<S3Server> {
  const objects = new Map<string, Buffer>();
  const requests: string[] = [];
  const server = createServer(async (request, response) => {
    const { method = "", url = "" } = request;
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const body = Buffer.concat(chunks);
    response.on("finish", () => requests.push(`${method} ${url} ${response.statusCode}`));
    if (handle.intercept?.(request, response) === true) return;
    const refusal = wrongSignature(request, body, region, account, handle.tokenRefusal);
    if (refusal !== undefined) return refuse(response, FORBIDDEN.has(refusal) ? 403 : 400, refusal, request);
    if (!url.startsWith(`/${bucket}/`)) return refuse(response, 404, "NoSuchBucket", request);
    const object = objects.get(url);
    if (method === "PUT") {
      objects.set(url, body);
      response.writeHead(200, { etag: '"x"' }).end();
    } else if (object === undefined) {
      refuse(response, 404, "NoSuchKey", request);
    } else {
      response.writeHead(200, { "content-length": object.length });
      response.end(method === "HEAD" ? undefined : object);
    }
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const handle: S3Server = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    objects,
    requests,
    intercept: undefined,
    tokenRefusal: "InvalidToken",
    async [Symbol.asyncDispose]() {
      const closed = new Promise((resolve) => server.close(resolve));
      server.closeAllConnections();
      await closed;
    },
  };
  return handle;
}

/** An error as S3 has it; HEAD gets none. */
export function refuse(response: ServerResponse, status: number, code: string, request: IncomingMessage): void {
  const sent = request.rawHeaders.join("\n").replaceAll("<", "");
  const xml = `<?xml version="1.0"?><Error><Code>${code}</Code><Message>${sent}</Message><StringToSign>${sent}</StringToSign></Error>`;
  response.writeHead(status, { "content-type": "application/xml" }).end(request.method === "HEAD" ? undefined : xml);
}

/** Why a request is not from the account; `undefined` when it is. */
function wrongSignature(
  { method, url = "", headers }: IncomingMessage,
  body: Buffer,
  region: string,
  { accessKeyId, secretAccessKey, sessionToken }: S3Account,
  tokenRefusal: string,
): string | undefined {
  const match =
    /^AWS4-HMAC-SHA256 Credential=([^/]+)\/(\d{8})\/([^/]+)\/s3\/aws4_request, SignedHeaders=([a-z0-9;-]+), Signature=([0-9a-f]{64})$/.exec(
      headers.authorization ?? "",
    );
  if (match === null) return "AuthorizationHeaderMalformed";
  const [, id, day, signedRegion, names, signature] = match as unknown as string[];
  if (id !== accessKeyId) return "InvalidAccessKeyId";
  if (signedRegion !== region) return "AuthorizationHeaderMalformed";
  if (headers["x-amz-security-token"] !== sessionToken) return tokenRefusal;
  const stamp = String(headers["x-amz-date"]);
  const [, y, mo, d, h, mi, s] = /^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/.exec(stamp) ?? [];
  const at = Date.UTC(Number(y), Number(mo) - 1, Number(d), Number(h), Number(mi), Number(s));
  if (!(Math.abs(at - Date.now()) < ALLOWED_SKEW_MS)) return "RequestTimeTooSkewed";
  const list = names!.split(";");
  const amz = Object.keys(headers).filter((name) => name.startsWith("x-amz-"));
  if (!["host", ...amz].every((name) => list.includes(name)) || [...list].sort().join() !== list.join()) {
    return "AccessDenied";
  }
  const hash = createHash("sha256").update(body).digest("hex");
  if (headers["x-amz-content-sha256"] !== hash) return "XAmzContentSHA256Mismatch";
  const [path, query = ""] = url.split("?");
  let canonical = `${method}\n${canonicalPath(path!)}\n${query}\n`;
  for (const name of list) canonical += `${name}:${String(headers[name])}\n`;
  canonical += `\n${names}\n${hash}`;
  const digest = createHash("sha256").update(canonical).digest("hex");
  const text = `AWS4-HMAC-SHA256\n${stamp}\n${day}/${region}/s3/aws4_request\n${digest}`;
  const dayKey = createHmac("sha256", `AWS4${secretAccessKey}`).update(day!).digest();
  const regionKey = createHmac("sha256", dayKey).update(region).digest();
  const serviceKey = createHmac("sha256", regionKey).update("s3").digest();
  const signingKey = createHmac("sha256", serviceKey).update("aws4_request").digest();
  return createHmac("sha256", signingKey).update(text).digest("hex") === signature
    ? undefined
    : "SignatureDoesNotMatch";
}

/** However a path was written, it is signed as S3 writes it. */
function canonicalPath(path: string): string {
  const bytes = Buffer.from(decodeURIComponent(path), "utf8");
  return [...bytes]
    .map((byte) => {
      const character = String.fromCharCode(byte);
      return /[A-Za-z0-9/._~-]/.test(character) ? character : `%${byte.toString(16).toUpperCase().padStart(2, "0")}`;
    })
    .join("");
}
