/** Caches in buckets of OpenStack Swift, which verifies signatures and digests by code of its own. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { createTransport, DEFAULT_TIMEOUTS } from "../../src/http/transport.js";
import { s3Client } from "../../src/shared-cache/s3-client.js";
import { s3Place } from "../../src/shared-cache/s3-place.js";
import type { AwsCredentials } from "../../src/shared-cache/s3-signature.js";
import { cacheJobs, type RunJob } from "../support/cache-jobs.js";
import { startCuttingProxy } from "../support/cutting-proxy.js";
import { startHttpProxy } from "../support/http-proxy.js";
import { bytesFor } from "../support/registry.js";
import { CANARY, s3CacheSuite } from "../support/s3-cache-suite.js";
import { DOMAIN, READER, REGION, requireSwift, type SwiftServer, startSwift, WRITER } from "../support/swift-server.js";
import { writeFiles } from "../support/write-files.js";

const ready = requireSwift();

const DOCKERFILE = `FROM scratch AS tools
COPY tools /tools/
WORKDIR /out
FROM scratch
ARG JOB SIZE=small
COPY $SIZE /data
COPY --from=tools /tools /opt/tools
COPY job-\${JOB} /job
WORKDIR /w
`;
const CACHED = Array<string>(6).fill("cached");
const JOBS = ["1", "2", "3", "4"];
/** More than other clients send in one request. */
const BIG_BYTES = 24 * 1024 ** 2;
const BIG = "--build-arg=SIZE=big";
const BUCKET = "cache";

describe.runIf(ready)("OpenStack Swift", () => {
  let swift: SwiftServer;
  let job: RunJob;
  let cwd = "";

  beforeAll(async () => {
    swift = await startSwift([BUCKET]);
    cwd = mkdtempSync(join(tmpdir(), "ocibuild-s3-"));
    const context = join(cwd, "context");
    job = cacheJobs(cwd, context);
    writeFiles(context, {
      Dockerfile: DOCKERFILE,
      small: bytesFor("small", 500_000),
      big: bytesFor("big", BIG_BYTES),
      "tools/one": bytesFor("tool", 500_000),
      ...Object.fromEntries(JOBS.map((name) => [`job-${name}`, `job ${name}`])),
    });
  });
  afterAll(async () => {
    await swift?.stop();
    rmSync(cwd, { recursive: true, force: true });
  });

  s3CacheSuite("OpenStack Swift", () => swift.openBucket());

  /** Variables as a job of CI has them. */
  function variables({ accessKeyId, secretAccessKey, sessionToken }: AwsCredentials): Record<string, string> {
    return {
      AWS_REGION: REGION,
      AWS_BUCKET: BUCKET,
      AWS_ACCESS_KEY_ID: accessKeyId,
      AWS_SECRET_ACCESS_KEY: secretAccessKey,
      ...(sessionToken === undefined ? {} : { AWS_SESSION_TOKEN: sessionToken }),
    };
  }
  const writer = { env: variables(WRITER) };
  /** A cache of its own in the bucket, with its own layers. */
  const cache = (name: string, endpoint = swift.url): string => `type=s3,endpoint_url=${endpoint},prefix=${name}/`;
  const from = (spec: string): readonly string[] => ["--build-arg=JOB=1", `--cache-from=${spec}`];
  const to = (spec: string): readonly string[] => ["--build-arg=JOB=1", `--cache-to=${spec}`];

  test("keeps what a job leaves for the next, layers of many MiB among it", async () => {
    const first = await job([...to(cache("one")), BIG], writer);
    expect(first.warnings).toEqual([]);
    const second = await job([...from(cache("one")), BIG], writer);
    expect(second).toEqual({ digest: first.digest, steps: CACHED, warnings: [] });
  });

  test("serves all jobs that wrote to it at once", async () => {
    const made = await Promise.all(
      JOBS.map((name) => job([`--build-arg=JOB=${name}`, `--cache-to=${cache("many")},mode=max`], writer)),
    );
    expect(made.flatMap(({ warnings }) => warnings)).toEqual([]);
    for (const name of JOBS) {
      const again = await job([`--build-arg=JOB=${name}`, `--cache-from=${cache("many")}`], writer);
      expect(again.steps).toEqual(CACHED);
      expect(again.warnings).toEqual([]);
    }
  });

  test("lets who may only read take a cache, and refuses to write it with a warning: L1", async () => {
    const made = await job(to(cache("read")), writer);
    const reader = { env: variables(READER) };
    const read = await job(from(cache("read")), reader);
    expect(read).toEqual({ digest: made.digest, steps: CACHED, warnings: [] });
    const refused = await job(to(cache("refused")), reader);
    expect(refused.warnings).toEqual([
      expect.stringMatching(/^the cache was not exported to .*: PUT .* 403: AccessDenied, the key needs s3:PutObject$/),
    ]);
    expect(refused.warnings.join()).not.toMatch(CANARY);
    expect((await job(from(cache("refused")), writer)).warnings).toEqual([
      expect.stringContaining("there is no cache"),
    ]);
  });

  test("says that the secret is wrong, and the build goes on: L1", async () => {
    const wrong = { env: variables({ ...WRITER, secretAccessKey: "canary-other" }) };
    const built = await job([...to(cache("wrong")), `--cache-from=${cache("wrong")}`], wrong);
    expect(built.steps).not.toContain("cached");
    const said = "403: SignatureDoesNotMatch, check access_key_id and secret_access_key";
    expect(built.warnings).toEqual([expect.stringContaining(said), expect.stringContaining(said)]);
    expect(built.warnings.join()).not.toMatch(CANARY);
  });

  test("finds the signature right that is over a session token too", async () => {
    const env = variables({ ...WRITER, sessionToken: "canary/token+of==" });
    const first = await job(to(cache("token")), { env });
    const second = await job(from(cache("token")), { env });
    expect(second).toEqual({ digest: first.digest, steps: CACHED, warnings: [] });
  });

  test("is reached with the bucket in the host's name, through a proxy too", async () => {
    await using proxy = await startHttpProxy({ names: { [`${BUCKET}.${DOMAIN}`]: swift.port } });
    const spec = cache("host", `http://${DOMAIN}`);
    const hosted = { env: { ...writer.env, HTTP_PROXY: proxy.url } };
    const first = await job(to(spec), hosted);
    expect(first.warnings).toEqual([]);
    const second = await job(from(spec), hosted);
    expect(second).toEqual({ digest: first.digest, steps: CACHED, warnings: [] });
    expect(proxy.requests[0]).toBe(`GET http://${BUCKET}.${DOMAIN}/host/manifests/buildkit.ocibuild.v1/index.json`);
    // It is the one whose bucket is in the path.
    expect((await job(from(cache("host")), writer)).steps).toEqual(CACHED);
  });

  test("gets and gives layers again where connections broke", async () => {
    const cut = { afterBytes: 5_000_000, times: 2 };
    await using up = await startCuttingProxy(swift.host, cut);
    const first = await job([...to(cache("cut", `http://${up.host}`)), BIG], writer);
    expect(first.warnings).toEqual([]);
    expect(up.cuts).toBe(2);
    await using down = await startCuttingProxy(swift.host, { ...cut, of: "replies" });
    const second = await job([...from(cache("cut", `http://${down.host}`)), BIG], writer);
    expect(second).toEqual({ digest: first.digest, steps: CACHED, warnings: [] });
    expect(down.cuts).toBe(2);
  });

  test("takes no bytes but those that were signed, and no requests of a wrong clock", async () => {
    const place = s3Place({ region: REGION, bucket: BUCKET, endpointUrl: swift.url, ...WRITER });
    const transport = createTransport({
      userAgent: "test",
      timeouts: DEFAULT_TIMEOUTS,
      connectionsPerOrigin: 1,
      insecureHosts: new Set(),
      maxRedirects: 0,
    });
    try {
      const content = { size: 5, mediaType: "text/plain", sha256: "0".repeat(64), open: () => Buffer.from("bytes") };
      const client = s3Client(place, { transport, wallMs: Date.now });
      await expect(client.write(place.indexUrl, content, {})).rejects.toThrow("status 400: BadDigest");
      expect(await client.sizeOf(place.indexUrl, {})).toBeUndefined();
      const late = s3Client(place, { transport, wallMs: () => Date.now() + 3_600_000 });
      await expect(late.read(place.indexUrl, (response) => response.bytes(1), {})).rejects.toThrow(
        "status 403: RequestTimeTooSkewed, the clock of this machine is wrong",
      );
    } finally {
      await transport.close();
    }
  });
});
