/** AWS Signature Version 4 in the `Authorization` header, for S3: paths are encoded once and never normalised. */
import { createHash, createHmac } from "node:crypto";

export interface AwsCredentials {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  /** Of temporary credentials. */
  readonly sessionToken?: string;
}

export interface UnsignedRequest {
  readonly method: string;
  /** Encoded as `encodeS3Path` does it. */
  readonly url: URL;
  /** Beside `host`: all of them are signed. */
  readonly headers: Readonly<Record<string, string>>;
  /** Hex digits of the body's sha256. */
  readonly payloadHash: string;
}

export interface SigningScope {
  readonly region: string;
  readonly credentials: AwsCredentials;
  /** Milliseconds since 1970; servers refuse what is 15 minutes off. */
  readonly timeMs: number;
}

export interface SignedHeaders {
  readonly authorization: string;
  /** The headers that were signed, without `host`. */
  readonly headers: Readonly<Record<string, string>>;
}

const ALGORITHM = "AWS4-HMAC-SHA256";

/** Of a request without a body. */
export const EMPTY_PAYLOAD: string = sha256("");

/** Signs for the service `s3`. */
export function signS3(request: UnsignedRequest, { region, credentials, timeMs }: SigningScope): SignedHeaders {
  const { method, url, payloadHash } = request;
  const { accessKeyId, secretAccessKey, sessionToken } = credentials;
  const time = new Date(timeMs).toISOString().replace(/[-:]|\.\d{3}/g, "");
  const day = time.slice(0, 8);
  const headers: Record<string, string> = {
    ...request.headers,
    "x-amz-content-sha256": payloadHash,
    "x-amz-date": time,
    ...(sessionToken === undefined ? {} : { "x-amz-security-token": sessionToken }),
  };
  const signed = Object.entries({ ...headers, host: url.host })
    .map(([name, value]) => [name.toLowerCase(), value.trim().replace(/ +/g, " ")] as const)
    .sort(([a], [b]) => (a < b ? -1 : 1));
  const names = signed.map(([name]) => name).join(";");
  const fields = signed.map(([name, value]) => `${name}:${value}\n`).join("");
  const canonical = [method, url.pathname, canonicalQuery(url), fields, names, payloadHash].join("\n");
  const scope = `${day}/${region}/s3/aws4_request`;
  const text = [ALGORITHM, time, scope, sha256(canonical)].join("\n");
  const key = [day, region, "s3", "aws4_request"].reduce<Buffer>(
    (parent, part) => hmac(parent, part),
    Buffer.from(`AWS4${secretAccessKey}`),
  );
  const signature = hmac(key, text).toString("hex");
  const authorization = `${ALGORITHM} Credential=${accessKeyId}/${scope}, SignedHeaders=${names}, Signature=${signature}`;
  return { authorization, headers };
}

/** A path as it is sent and signed: everything but letters, digits, `-._~` and slashes is percent-encoded. */
export function encodeS3Path(path: string): string {
  return path.split("/").map(encodePart).join("/");
}

function canonicalQuery(url: URL): string {
  return [...url.searchParams]
    .map(([name, value]) => `${encodePart(name)}=${encodePart(value)}`)
    .sort()
    .join("&");
}

function encodePart(text: string): string {
  return encodeURIComponent(text).replace(/[!'()*]/g, (c) => `%${c.charCodeAt(0).toString(16).toUpperCase()}`);
}

function sha256(text: string): string {
  return createHash("sha256").update(text).digest("hex");
}

function hmac(key: Buffer, text: string): Buffer {
  return createHmac("sha256", key).update(text).digest();
}
