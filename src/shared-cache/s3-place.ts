/** Where a cache in a bucket lies, and who asks for it: attributes and environment put together. */

import type { CacheKey } from "../cache/key.js";
import { OcibuildError } from "../errors.js";
import type { Digest } from "../oci/digest.js";
import type { S3Spec } from "./cache-spec.js";
import { type AwsCredentials, encodeS3Path } from "./s3-signature.js";

const ENDPOINT = "endpoint_url (or AWS_ENDPOINT_URL_S3, AWS_ENDPOINT_URL)";

type Variables = Readonly<Record<string, string | undefined>>;

export interface S3Place {
  /** As progress and messages show it. */
  readonly title: string;
  readonly region: string;
  readonly credentials: AwsCredentials | undefined;
  /** The union of the entries. */
  readonly indexUrl: URL;
  entryUrl(key: CacheKey): URL;
  blobUrl(digest: Digest): URL;
}

/**
 * Fills in what `spec` leaves to the environment, with the names of Amazon's tools. Key and secret are taken from one side
 * only.
 */
export function withEnvironment<T extends S3Spec>(spec: T, env: Variables): T {
  const { AWS_REGION: region, AWS_BUCKET: bucket } = env;
  const { AWS_ACCESS_KEY_ID: accessKeyId, AWS_SECRET_ACCESS_KEY: secretAccessKey, AWS_SESSION_TOKEN: token } = env;
  const isWritten = [spec.accessKeyId, spec.secretAccessKey, spec.sessionToken].some((value) => value !== undefined);
  const credentials =
    isWritten || !accessKeyId || !secretAccessKey
      ? {}
      : { accessKeyId, secretAccessKey, ...(token ? { sessionToken: token } : {}) };
  const endpointUrl = endpointOf(env);
  return {
    ...(region ? { region } : {}),
    ...(bucket ? { bucket } : {}),
    ...(endpointUrl ? { endpointUrl } : {}),
    ...credentials,
    ...spec,
  };
}

function endpointOf(env: Variables): string | undefined {
  if (env["AWS_IGNORE_CONFIGURED_ENDPOINT_URLS"]?.toLowerCase() === "true") return undefined;
  return env["AWS_ENDPOINT_URL_S3"] || env["AWS_ENDPOINT_URL"];
}

/** @throws OPTIONS_INVALID */
export function s3Place(spec: S3Spec): S3Place {
  const { prefix = "", blobsPrefix = "blobs/", manifestsPrefix = "manifests/", name = "buildkit" } = spec;
  const bucket = needed(spec.bucket, "bucket", "AWS_BUCKET", /^[A-Za-z0-9][A-Za-z0-9._-]{0,254}$/);
  const region = needed(spec.region, "region", "AWS_REGION", /^[A-Za-z0-9-]{1,63}$/);
  const base = baseUrl(spec, bucket, region);
  for (const [word, value] of Object.entries({
    prefix,
    blobs_prefix: blobsPrefix,
    manifests_prefix: manifestsPrefix,
    name,
  })) {
    // URLs cannot name such objects: servers and clients take the segments away.
    if (/(^|\/)\.{1,2}(\/|$)/.test(value)) {
      throw invalid(word, `expected ${word} to have no "." and ".." between slashes but got "${value}"`);
    }
    if (/\p{Surrogate}/u.test(value)) throw invalid(word, `expected ${word} to be Unicode`);
  }
  const documents = `${prefix}${manifestsPrefix}${name}.ocibuild.v1/`;
  const urlOf = (key: string): URL => new URL(`${base}/${encodeS3Path(key)}`);
  return {
    title: `s3 "${bucket}/${prefix}${name}"`,
    region,
    credentials: credentialsOf(spec),
    indexUrl: urlOf(`${documents}index.json`),
    entryUrl: (key) => urlOf(`${documents}${key}.json`),
    blobUrl: (digest) => urlOf(`${prefix}${blobsPrefix}${digest}`),
  };
}

/** Origin, and the bucket as part of its host or as first part of the path; no slash at its end. */
function baseUrl({ endpointUrl, usePathStyle = false }: S3Spec, bucket: string, region: string): string {
  const domain = region.startsWith("cn-") ? "amazonaws.com.cn" : "amazonaws.com";
  const text = endpointUrl ?? `https://s3.${region}.${domain}`;
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined || !/^https?:$/.test(url.protocol) || url.hostname === "") {
    throw invalid("endpoint_url", `expected ${ENDPOINT} to be a URL of http or https`);
  }
  // The value is not shown: what is wrong here may be a password.
  if (url.username !== "" || url.password !== "" || url.search !== "" || url.hash !== "") {
    throw invalid("endpoint_url", `expected ${ENDPOINT} to be a URL without user, query and fragment`);
  }
  const path = url.pathname.replace(/\/+$/, "");
  const isAddress = url.hostname.startsWith("[") || /^[0-9.]+$/.test(url.hostname);
  // Names with other characters are in no certificate, as in Amazon's own clients.
  const fitsHost = /^[a-z0-9-]{3,63}$/.test(bucket);
  if (usePathStyle || isAddress || !fitsHost) return `${url.origin}${path}/${bucket}`;
  return `${url.protocol}//${bucket}.${url.host}${path}`;
}

/** `undefined` when there are none at all. @throws OPTIONS_INVALID */
function credentialsOf({ accessKeyId, secretAccessKey, sessionToken }: S3Spec): AwsCredentials | undefined {
  if (accessKeyId === undefined && secretAccessKey === undefined && sessionToken === undefined) return undefined;
  if (accessKeyId === undefined || secretAccessKey === undefined) {
    throw invalid("access_key_id", "expected access_key_id and secret_access_key together");
  }
  for (const [word, value] of Object.entries({ access_key_id: accessKeyId, session_token: sessionToken ?? "t" })) {
    if (/^[\x21-\x7e]+$/.test(value)) continue;
    throw invalid(word, `expected ${word} to be printable characters without spaces`);
  }
  return { accessKeyId, secretAccessKey, ...(sessionToken === undefined ? {} : { sessionToken }) };
}

function needed(value: string | undefined, word: string, variable: string, shape: RegExp): string {
  if (value === undefined) throw invalid(word, `expected ${word}=… or the variable ${variable} but got neither`);
  if (shape.test(value)) return value;
  throw invalid(word, `expected the name of a ${word} but got "${value}"`);
}

function invalid(word: string, reason: string): OcibuildError<"OPTIONS_INVALID"> {
  return new OcibuildError("OPTIONS_INVALID", `cache of type=s3: ${reason}`, { details: { option: word } });
}
