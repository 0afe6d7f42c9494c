import { describe, expect, test } from "vitest";
import type { CacheKey } from "../../src/cache/key.js";
import type { Digest } from "../../src/oci/digest.js";
import type { S3Spec } from "../../src/shared-cache/cache-spec.js";
import { s3Place, withEnvironment } from "../../src/shared-cache/s3-place.js";

const SPEC: S3Spec = { bucket: "bucket", region: "eu-west-1" };

describe("where a cache lies", () => {
  test.each<[S3Spec, string]>([
    [SPEC, "https://bucket.s3.eu-west-1.amazonaws.com/manifests/buildkit.ocibuild.v1/index.json"],
    [
      { ...SPEC, region: "cn-north-1" },
      "https://bucket.s3.cn-north-1.amazonaws.com.cn/manifests/buildkit.ocibuild.v1/index.json",
    ],
    [
      { ...SPEC, usePathStyle: true },
      "https://s3.eu-west-1.amazonaws.com/bucket/manifests/buildkit.ocibuild.v1/index.json",
    ],
    [
      { ...SPEC, bucket: "with.dots" },
      "https://s3.eu-west-1.amazonaws.com/with.dots/manifests/buildkit.ocibuild.v1/index.json",
    ],
    [
      { ...SPEC, endpointUrl: "http://minio:9000/", name: "a b" },
      "http://bucket.minio:9000/manifests/a%20b.ocibuild.v1/index.json",
    ],
    [
      { ...SPEC, endpointUrl: "http://10.0.0.1:9000", prefix: "p/", manifestsPrefix: "m-" },
      "http://10.0.0.1:9000/bucket/p/m-buildkit.ocibuild.v1/index.json",
    ],
    [
      { ...SPEC, endpointUrl: "https://h/s3", usePathStyle: true, prefix: "/p" },
      "https://h/s3/bucket//pmanifests/buildkit.ocibuild.v1/index.json",
    ],
  ])("%j", (spec, url) => {
    expect(s3Place(spec).indexUrl.href).toBe(url);
  });

  test("layers have the names that BuildKit gives them, entries names of their own", () => {
    const place = s3Place({ ...SPEC, prefix: "p/", blobsPrefix: "b/" });
    expect(place.blobUrl(`sha256:${"a".repeat(64)}` as Digest).pathname).toBe(`/p/b/sha256%3A${"a".repeat(64)}`);
    expect(place.entryUrl("e".repeat(64) as CacheKey).pathname).toBe(
      `/p/manifests/buildkit.ocibuild.v1/${"e".repeat(64)}.json`,
    );
  });

  test.each<S3Spec>([
    { region: "r" },
    { bucket: "b" },
    { ...SPEC, bucket: "arn:aws:s3:::b" },
    { ...SPEC, bucket: "a/b" },
    { ...SPEC, bucket: ".." },
    { ...SPEC, region: "evil.example/" },
    { ...SPEC, endpointUrl: "minio:9000" },
    { ...SPEC, endpointUrl: "https://u:canary@h" },
    { ...SPEC, endpointUrl: "https://h?token=canary" },
    { ...SPEC, prefix: "a/../b/" },
    { ...SPEC, name: "." },
    { ...SPEC, prefix: "\ud800" },
    { ...SPEC, name: "../x" },
    { ...SPEC, accessKeyId: "canary" },
    { ...SPEC, secretAccessKey: "canary" },
    { ...SPEC, sessionToken: "canary" },
    { ...SPEC, accessKeyId: "canary\nx: y", secretAccessKey: "s" },
    { ...SPEC, accessKeyId: "i", secretAccessKey: "s", sessionToken: "canary\r\n" },
  ])("refuses %j", (spec) => {
    let error: unknown;
    try {
      const place = s3Place(spec);
      throw new Error(`it was accepted: ${place.indexUrl}`);
    } catch (caught) {
      error = caught;
    }
    expect(error).toMatchObject({ code: "OPTIONS_INVALID" });
    expect(String((error as Error).message)).not.toContain("canary");
  });
});

describe("the environment", () => {
  const env = {
    AWS_REGION: "r",
    AWS_BUCKET: "b",
    AWS_ACCESS_KEY_ID: "i",
    AWS_SECRET_ACCESS_KEY: "s",
    AWS_SESSION_TOKEN: "t",
  };

  test("says what is not written", () => {
    const credentials = { accessKeyId: "i", secretAccessKey: "s", sessionToken: "t" };
    expect(withEnvironment({}, env)).toEqual({ region: "r", bucket: "b", ...credentials });
    expect(withEnvironment({ region: "x", bucket: "y" }, env)).toEqual({ region: "x", bucket: "y", ...credentials });
    expect(withEnvironment({}, { AWS_ACCESS_KEY_ID: "i", AWS_REGION: "" })).toEqual({});
  });

  test("names the endpoint as for Amazon's tools", () => {
    const endpoints = { AWS_ENDPOINT_URL: "http://all", AWS_ENDPOINT_URL_S3: "http://s3" };
    expect(withEnvironment({}, endpoints)).toEqual({ endpointUrl: "http://s3" });
    expect(withEnvironment({}, { ...endpoints, AWS_ENDPOINT_URL_S3: "" })).toEqual({ endpointUrl: "http://all" });
    expect(withEnvironment({ endpointUrl: "http://x" }, endpoints)).toEqual({ endpointUrl: "http://x" });
    expect(withEnvironment({}, { ...endpoints, AWS_IGNORE_CONFIGURED_ENDPOINT_URLS: "true" })).toEqual({});
  });

  test("adds no part of its credentials to those that are written", () => {
    const written = { accessKeyId: "a", secretAccessKey: "b" };
    expect(withEnvironment(written, env)).toEqual({ region: "r", bucket: "b", ...written });
    expect(withEnvironment({ accessKeyId: "a" }, env)).toEqual({ region: "r", bucket: "b", accessKeyId: "a" });
  });
});
