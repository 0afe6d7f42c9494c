import { describe, expect, test } from "vitest";
import { isOcibuildError } from "../../src/errors.js";
import { parseCacheFrom, parseCacheTo } from "../../src/shared-cache/cache-spec.js";

function failure(action: () => unknown): {
  readonly code: string;
  readonly message: string;
  readonly hint?: string | undefined;
} {
  try {
    action();
  } catch (error) {
    if (isOcibuildError(error)) return error;
    throw error;
  }
  throw new Error("it was accepted");
}

describe("--cache-from", () => {
  test.each([
    ["app:cache", { type: "registry", ref: "docker.io/library/app:cache" }],
    ["r.example:5000/app", { type: "registry", ref: "r.example:5000/app:latest" }],
    ["type=registry,ref=r.example/app:cache", { type: "registry", ref: "r.example/app:cache" }],
    ["type=registry,ref=r.example/app:cache,registry.insecure=false", { type: "registry", ref: "r.example/app:cache" }],
    ["type=local,src=../cache", { type: "local", src: "../cache" }],
    ["type=s3", { type: "s3" }],
    [
      "type=s3,region=eu-west-1,bucket=b,prefix=p/,blobs_prefix=,manifests_prefix=m/,name=n,endpoint_url=http://h:9000," +
        "access_key_id=i,secret_access_key=s,session_token=t,use_path_style=true",
      {
        type: "s3",
        region: "eu-west-1",
        bucket: "b",
        prefix: "p/",
        blobsPrefix: "",
        manifestsPrefix: "m/",
        name: "n",
        endpointUrl: "http://h:9000",
        accessKeyId: "i",
        secretAccessKey: "s",
        sessionToken: "t",
        usePathStyle: true,
      },
    ],
    ["type=gha", { type: "gha" }],
    [
      "type=gha,scope=app,url=https://a,url_v2=https://b,token=t,version=2",
      { type: "gha", scope: "app", url: "https://a", urlV2: "https://b", token: "t", version: 2 },
    ],
    ['type=local,"src=a,b"', { type: "local", src: "a,b" }],
    ["type=local,src=a,mounts=true", { type: "local", src: "a", mountsLimitBytes: 2 * 1024 ** 3 }],
    ["type=registry,ref=r.example/a:c,mounts=false", { type: "registry", ref: "r.example/a:c" }],
    ["type=s3,mounts=1,mounts-limit=500MB", { type: "s3", mountsLimitBytes: 500 * 1024 ** 2 }],
  ])("%s", (text, expected) => {
    expect(parseCacheFrom(text)).toEqual(expected);
  });

  test.each([
    ["", "OPTIONS_INVALID"],
    ["UPPER", "REFERENCE_INVALID"],
    ["type=registry", "OPTIONS_INVALID"],
    ["type=local", "OPTIONS_INVALID"],
    ["type=local,src=", "OPTIONS_INVALID"],
    ["src=cache", "OPTIONS_INVALID"],
    ["type=disk,src=cache", "OPTIONS_INVALID"],
    [`app@sha256:${"a".repeat(64)}`, "OPTIONS_INVALID"],
    ["type=inline", "OPTIONS_UNSUPPORTED"],
    ["type=s3,bucket=b,touch_refresh=24h", "OPTIONS_UNSUPPORTED"],
    ["type=s3,bucket=b,name=a;b", "OPTIONS_UNSUPPORTED"],
    ["type=s3,bucket=b,use_path_style=yes", "OPTIONS_INVALID"],
    ["type=s3,bucket=", "OPTIONS_INVALID"],
    ["type=s3,bucket=b,mode=max", "OPTIONS_UNKNOWN_KEY"],
    ["type=gha,timeout=5m", "OPTIONS_UNSUPPORTED"],
    ["type=gha,version=3", "OPTIONS_INVALID"],
    ["type=gha,token=", "OPTIONS_INVALID"],
    ["type=gha,ref=app", "OPTIONS_UNKNOWN_KEY"],
    ["type=azblob,name=n", "OPTIONS_UNSUPPORTED"],
    ["type=local,src=a,digest=sha256:x", "OPTIONS_UNSUPPORTED"],
    ["type=registry,ref=a,registry.insecure=true", "OPTIONS_UNSUPPORTED"],
    ["type=local,src=a,mode=max", "OPTIONS_UNKNOWN_KEY"],
    ["type=local,src=a,mounts=yes", "OPTIONS_INVALID"],
    ["type=local,src=a,mounts=true,mounts-limit=lots", "OPTIONS_INVALID"],
    ["type=local,src=a,mounts=true,mounts-limit=0", "OPTIONS_INVALID"],
    ["type=local,src=a,mounts-limit=1GB", "OPTIONS_UNSUPPORTED"],
    ["type=registry,ref=a,src=b", "OPTIONS_UNKNOWN_KEY"],
  ])("refuses %s", (text, code) => {
    expect(failure(() => parseCacheFrom(text)).code).toBe(code);
  });
});

describe("--cache-to", () => {
  const usual = { mode: "min", forceCompression: false, timeoutMs: 600_000 };
  test.each([
    ["app:cache", { type: "registry", ref: "docker.io/library/app:cache", ...usual }],
    ["type=registry,ref=r.example/app:c,mode=max", { type: "registry", ref: "r.example/app:c", ...usual, mode: "max" }],
    [
      "type=local,dest=a,mounts=true,mounts-limit=1.5g",
      { type: "local", dest: "a", ...usual, mountsLimitBytes: 1.5 * 1024 ** 3 },
    ],
    ["type=local,dest=out", { type: "local", dest: "out", ...usual }],
    [
      "type=local,dest=out,compression=zstd,compression-level=9,force-compression=true,timeout=90s",
      {
        type: "local",
        dest: "out",
        mode: "min",
        compression: { kind: "zstd", level: 9 },
        forceCompression: true,
        timeoutMs: 90_000,
      },
    ],
    [
      "type=local,dest=out,compression=uncompressed",
      { type: "local", dest: "out", ...usual, compression: { kind: "uncompressed" } },
    ],
    [
      "type=local,dest=out,compression-level=1",
      { type: "local", dest: "out", ...usual, compression: { kind: "gzip", level: 1 } },
    ],
    [
      "type=registry,ref=app,ignore-error=true,image-manifest=true,oci-mediatypes=true",
      { type: "registry", ref: "docker.io/library/app:latest", ...usual },
    ],
    ["type=s3,bucket=b,mode=max", { type: "s3", bucket: "b", ...usual, mode: "max" }],
    ["type=gha,scope=app,mode=max", { type: "gha", scope: "app", ...usual, mode: "max" }],
    ["type=inline", { type: "inline" }],
    ["type=inline,mode=min", { type: "inline" }],
  ])("%s", (text, expected) => {
    expect(parseCacheTo(text)).toEqual(expected);
  });

  test.each([
    ["type=inline,mode=max", "OPTIONS_UNSUPPORTED"],
    ["type=inline,mounts=true", "OPTIONS_UNSUPPORTED"],
    ["type=inline,ref=app", "OPTIONS_UNKNOWN_KEY"],
    ["type=local,dest=a,ignore-error=false", "OPTIONS_UNSUPPORTED"],
    ["type=local,dest=a,image-manifest=false", "OPTIONS_UNSUPPORTED"],
    ["type=local,dest=a,oci-mediatypes=false", "OPTIONS_UNSUPPORTED"],
    ["type=local,dest=a,compression=estargz", "OPTIONS_UNSUPPORTED"],
    ["type=local,dest=a,tag=latest", "OPTIONS_UNSUPPORTED"],
    ["type=local,dest=a,compression=lz4", "OPTIONS_INVALID"],
    ["type=local,dest=a,compression=gzip,compression-level=10", "OPTIONS_INVALID"],
    ["type=local,dest=a,compression=uncompressed,compression-level=1", "OPTIONS_INVALID"],
    ["type=local,dest=a,mode=all", "OPTIONS_INVALID"],
    ["type=local,dest=a,timeout=soon", "OPTIONS_INVALID"],
    ["type=local,dest=a,timeout=0", "OPTIONS_INVALID"],
    ["type=local,src=a", "OPTIONS_UNKNOWN_KEY"],
    ["type=s3,bucket=b,upload_parallelism=8", "OPTIONS_UNSUPPORTED"],
    ["type=s3,bucket=b,retry_mode=adaptive", "OPTIONS_UNSUPPORTED"],
    ["type=s3,bucket=b,retry_max_attempts=8", "OPTIONS_UNSUPPORTED"],
    ["type=s3,bucket=b,disable_accept_encoding=true", "OPTIONS_UNSUPPORTED"],
    ["type=s3,bucket=b,ignore-error=false", "OPTIONS_UNSUPPORTED"],
    ["type=gha,repository=o/r", "OPTIONS_UNSUPPORTED"],
    ["type=gha,ghtoken=t", "OPTIONS_UNSUPPORTED"],
    ["type=gha,ignore-error=false", "OPTIONS_UNSUPPORTED"],
  ])("refuses %s", (text, code) => {
    expect(failure(() => parseCacheTo(text)).code).toBe(code);
  });

  test("names what is not supported, and what is", () => {
    expect(failure(() => parseCacheTo("type=azblob,name=b"))).toMatchObject({
      message: '"--cache-to type=azblob,name=b": "type=azblob" is not supported',
      hint: "Expected one of registry, local, inline, s3, gha.",
    });
  });

  test.each([
    "type=s3,bucket=b,secret_access_key=canary,mode=all",
    "type=s3,bucket=b,secret_access_key=canary,timeout=soon",
    "type=s3,bucket=b,secret_acces_key=canary",
    "type=s3,bucket=b,secret_access_key=x,canary",
    "type=s3,bucket=b,secret_access_key=x,canary=1",
    'type=s3,"secret_access_key=canary',
    "type=s4,session_token=canary",
    "access_key_id=canary",
    "type=s3,endpoint_url=https://u:canary@h,mode=all",
    "type=gha,token=canary,mode=all",
    "type=gha,token=x,url=https://h/canary,version=3",
    "type=gha,ghtoken=canary",
  ])("shows no secret of %s: L1", (text) => {
    const error = failure(() => parseCacheTo(text));
    expect(JSON.stringify([error.message, error.hint, (error as { details?: unknown }).details])).not.toContain(
      "canary",
    );
  });
});
