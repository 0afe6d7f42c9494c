import { createHash } from "node:crypto";
import { describe, expect, test } from "vitest";
import { EMPTY_PAYLOAD, encodeS3Path, signS3 } from "../../src/shared-cache/s3-signature.js";

const SCOPE = {
  region: "us-east-1",
  credentials: {
    accessKeyId: "AKIAIOSFODNN7EXAMPLE",
    secretAccessKey: "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
  },
  timeMs: Date.UTC(2013, 4, 24),
};
const HOST = "https://examplebucket.s3.amazonaws.com";

/** The examples of "Signature Calculations for the Authorization Header" in Amazon's reference of S3. */
describe("signatures are those of Amazon's examples", () => {
  test.each([
    [
      "GET /test.txt with a range",
      { method: "GET", path: "/test.txt", headers: { range: "bytes=0-9" }, body: "" },
      "host;range;x-amz-content-sha256;x-amz-date",
      "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41",
    ],
    [
      "PUT test$file.text",
      {
        method: "PUT",
        path: `/${encodeS3Path("test$file.text")}`,
        headers: { date: "Fri, 24 May 2013 00:00:00 GMT", "x-amz-storage-class": "REDUCED_REDUNDANCY" },
        body: "Welcome to Amazon S3.",
      },
      "date;host;x-amz-content-sha256;x-amz-date;x-amz-storage-class",
      "98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd",
    ],
    [
      "GET ?lifecycle",
      { method: "GET", path: "/?lifecycle", headers: {}, body: "" },
      "host;x-amz-content-sha256;x-amz-date",
      "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543",
    ],
    [
      "GET ?max-keys=2&prefix=J",
      { method: "GET", path: "/?max-keys=2&prefix=J", headers: {}, body: "" },
      "host;x-amz-content-sha256;x-amz-date",
      "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7",
    ],
  ])("%s", (_, { method, path, headers, body }, names, signature) => {
    const payloadHash = createHash("sha256").update(body).digest("hex");
    const signed = signS3(
      { method, url: new URL(HOST + path), headers: headers as Record<string, string>, payloadHash },
      SCOPE,
    );
    expect(signed.authorization).toBe(
      `AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request, SignedHeaders=${names}, Signature=${signature}`,
    );
    expect(signed.headers).toEqual({
      ...headers,
      "x-amz-content-sha256": payloadHash,
      "x-amz-date": "20130524T000000Z",
    });
  });
});

test("a session token is signed, and the secret is nowhere", () => {
  const credentials = { ...SCOPE.credentials, sessionToken: "token" };
  const url = new URL(HOST);
  const signed = signS3({ method: "GET", url, headers: {}, payloadHash: EMPTY_PAYLOAD }, { ...SCOPE, credentials });
  expect(signed.headers["x-amz-security-token"]).toBe("token");
  expect(signed.authorization).toContain("SignedHeaders=host;x-amz-content-sha256;x-amz-date;x-amz-security-token,");
  expect(JSON.stringify(signed)).not.toContain("wJalr");
});

test("paths are encoded as S3 wants them, and URL leaves them so", () => {
  const path = encodeS3Path("a b/sha256:c/~d!'()*+%/ü");
  expect(path).toBe("a%20b/sha256%3Ac/~d%21%27%28%29%2A%2B%25/%C3%BC");
  expect(new URL(`${HOST}/${path}`).pathname).toBe(`/${path}`);
});
