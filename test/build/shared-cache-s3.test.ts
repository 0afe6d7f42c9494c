/** Caches in a bucket, whose server checks signatures by itself and can be made to fail: see test/support/s3-server.ts. */
import { afterEach, describe, expect, test, vi } from "vitest";
import { build, isOcibuildError, memory } from "../../src/index.js";
import { buildChecked, fresh } from "../support/builds.js";
import { scene } from "../support/cache-scene.js";
import { accountWords, CANARY, INDEX, s3CacheSuite, specOf, traces } from "../support/s3-cache-suite.js";
import { type DoubleBucket, openDoubleBucket, refuse } from "../support/s3-server.js";

s3CacheSuite("a double", openDoubleBucket);

const open = (): Promise<DoubleBucket> => openDoubleBucket();

afterEach(() => {
  vi.unstubAllEnvs();
});

describe("a cache in a bucket", () => {
  test("is not written again when nothing changed", async () => {
    await using s3 = await open();
    const target = fresh({ ...scene().options, cacheTo: [specOf(s3)] });
    await buildChecked(target);
    s3.server.requests.length = 0;
    await buildChecked(target);
    expect(s3.server.requests).toEqual([`GET /bucket/${INDEX} 200`]);
  });

  test("is asked again when the server is busy", async () => {
    await using s3 = await open();
    const { options, commands } = scene();
    let busy = 0;
    s3.server.intercept = (request, response) => {
      if (busy++ % 4 !== 0) return false;
      refuse(response, 503, "SlowDown", request);
      return true;
    };
    const first = await buildChecked(fresh({ ...options, cacheTo: [specOf(s3)] }));
    const second = await buildChecked(fresh({ ...options, cacheFrom: [specOf(s3)] }));
    expect([...first.warnings, ...second.warnings]).toEqual([]);
    expect(commands()).toBe(1);
  });

  test("that is not named is an error", async () => {
    for (const words of ["type=s3,region=r", "type=s3,bucket=b"]) {
      vi.stubEnv("AWS_REGION", "");
      vi.stubEnv("AWS_BUCKET", "");
      const failed = await build({ context: memory({}), dockerfile: "FROM scratch\n", cacheTo: [words] }).catch(
        (error: unknown) => error,
      );
      expect(isOcibuildError(failed, "OPTIONS_INVALID")).toBe(true);
    }
  });
});

describe("credentials", () => {
  test.each(["InvalidToken", "ExpiredToken"])("of which the token is refused are a warning: %s: L1", async (code) => {
    await using s3 = await open();
    s3.server.tokenRefusal = code;
    const spec = specOf(s3, accountWords(s3, { sessionToken: "canary-other" }));
    const target = fresh({ ...scene().options, cacheFrom: [spec] });
    const built = await buildChecked(target);
    expect(built.warnings).toEqual([
      expect.stringMatching(new RegExp(`was answered with status 400: ${code}, .*session_token`)),
    ]);
    expect(traces(built, target.root)).not.toMatch(CANARY);
  });

  test("are not shown where a server gives them as its error's code: L1", async () => {
    await using s3 = await open();
    s3.server.intercept = (request, response) => {
      refuse(response, 400, s3.account.accessKeyId, request);
      return true;
    };
    const target = fresh({ ...scene().options, cacheFrom: [specOf(s3)] });
    const built = await buildChecked(target);
    expect(built.warnings).toEqual([expect.stringContaining("was answered with status 400;")]);
    expect(traces(built, target.root)).not.toMatch(CANARY);
  });

  test.each([301, 302, 307, 308])("go to no other server, whatever a redirect says: status %i: R1", async (status) => {
    await using s3 = await open();
    await using other = await open();
    s3.server.intercept = (request, response) => {
      response.writeHead(status, { location: `${other.url}${request.url}` }).end();
      return true;
    };
    const built = await buildChecked(fresh({ ...scene().options, cacheTo: [specOf(s3)], cacheFrom: [specOf(s3)] }));
    expect(built.warnings).toHaveLength(2);
    expect(built.warnings.join()).toContain(
      `was answered with status ${status}: the bucket is elsewhere: check region and endpoint_url`,
    );
    expect(other.server.requests).toEqual([]);
  });

  test("that nobody gave are a warning, and nothing is asked", async () => {
    await using s3 = await open();
    vi.stubEnv("AWS_ACCESS_KEY_ID", "");
    vi.stubEnv("AWS_SECRET_ACCESS_KEY", "");
    const built = await buildChecked(fresh({ ...scene().options, cacheTo: [specOf(s3, "mode=min")] }));
    expect(built.warnings).toEqual([
      expect.stringContaining("AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY are not set"),
    ]);
    expect(s3.server.requests).toEqual([]);
  });
});
