/** Caches in a bucket, whose server checks signatures by itself: see test/support/s3-server.ts. */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, describe, expect, test, vi } from "vitest";
import { build, isOcibuildError, memory } from "../../src/index.js";
import { fakeExecutor } from "../../src/testing/fake-executor.js";
import { buildChecked, fresh, type TestBuild, type TestOptions } from "../support/builds.js";
import { refuse, type S3Server, startS3Server } from "../support/s3-server.js";

const DOCKERFILE = `FROM scratch AS tools
COPY a /a
RUN make
FROM scratch
COPY --from=tools /made /made
WORKDIR /w
COPY b /b
`;
const ALL = 5;
/** Of the steps, and of what COPY selects. */
const ENTRIES = 6;
const ACCOUNT = { accessKeyId: "CANARYKEYID", secretAccessKey: "canary/secret+key", sessionToken: "canary-token==" };
const WRITTEN = `access_key_id=${ACCOUNT.accessKeyId},secret_access_key=${ACCOUNT.secretAccessKey},session_token=${ACCOUNT.sessionToken}`;
const CANARY = /canary/i;
const INDEX = "/bucket/manifests/buildkit.ocibuild.v1/index.json";

function scene(): { readonly options: TestOptions; commands(): number } {
  let count = 0;
  const executor = fakeExecutor((spec) => [
    { path: "made", content: `${spec.args.at(-1)} ${count++} ${Math.random()}` },
    { path: "beside", content: "it" },
  ]);
  return { options: { dockerfile: DOCKERFILE, files: { a: "first", b: "second" }, executor }, commands: () => count };
}

const server = (): Promise<S3Server> => startS3Server("bucket", "eu-west-1", ACCOUNT);
const at = ({ url }: S3Server, more = WRITTEN): string =>
  `type=s3,region=eu-west-1,bucket=bucket,endpoint_url=${url},${more}`;

const blobs = (s3: S3Server): string[] => [...s3.objects.keys()].filter((path) => path.startsWith("/bucket/blobs/"));

afterEach(() => {
  vi.unstubAllEnvs();
});

describe("a cache in a bucket", () => {
  test.each(["min", "max"])("with mode=%s rebuilds in a new store without running anything", async (mode) => {
    await using s3 = await server();
    const { options, commands } = scene();
    const first = await buildChecked(fresh({ ...options, cacheTo: [`${at(s3)},mode=${mode}`] }));
    expect(first.warnings).toEqual([]);
    const second = await buildChecked(fresh({ ...options, cacheFrom: [at(s3)] }));
    expect(second.warnings).toEqual([]);
    expect(second.ran).toEqual([]);
    expect(second.cached).toHaveLength(ALL);
    expect(second.digest).toBe(first.digest);
    expect(commands()).toBe(1);
    expect(blobs(s3)).toHaveLength(mode === "min" ? 3 : 5);
    expect(s3.objects.size).toBe(blobs(s3).length + ENTRIES + 1);
  });

  test("takes region, bucket and credentials from the environment", async () => {
    await using s3 = await server();
    vi.stubEnv("AWS_REGION", "eu-west-1");
    vi.stubEnv("AWS_BUCKET", "bucket");
    vi.stubEnv("AWS_ACCESS_KEY_ID", ACCOUNT.accessKeyId);
    vi.stubEnv("AWS_SECRET_ACCESS_KEY", ACCOUNT.secretAccessKey);
    vi.stubEnv("AWS_SESSION_TOKEN", ACCOUNT.sessionToken);
    const { options, commands } = scene();
    const spec = `type=s3,endpoint_url=${s3.url},prefix=team a/,name=app`;
    await buildChecked(fresh({ ...options, cacheTo: [spec] }));
    const second = await buildChecked(fresh({ ...options, cacheFrom: [spec] }));
    expect(second.warnings).toEqual([]);
    expect(commands()).toBe(1);
    expect([...s3.objects.keys()]).toContain("/bucket/team%20a/manifests/app.ocibuild.v1/index.json");
  });

  test("is added to: what jobs write at once stays", async () => {
    await using s3 = await server();
    const { options, commands } = scene();
    const jobs = ["one", "two", "three"];
    const built = await Promise.all(
      jobs.map((a) => buildChecked(fresh({ ...options, files: { a, b: "b" }, cacheTo: [`${at(s3)},mode=max`] }))),
    );
    for (const [number, a] of jobs.entries()) {
      const again = await buildChecked(fresh({ ...options, files: { a, b: "b" }, cacheFrom: [at(s3)] }));
      expect(again.ran).toEqual([]);
      expect(again.digest).toBe(built[number]!.digest);
    }
    expect(commands()).toBe(jobs.length);
    // What is lost from the index is still found by its key.
    s3.objects.set(INDEX, Buffer.from(JSON.stringify({ ...JSON.parse(String(s3.objects.get(INDEX))), manifests: [] })));
    const again = await buildChecked(fresh({ ...options, files: { a: "two", b: "b" }, cacheFrom: [at(s3)] }));
    expect(again.ran).toEqual([]);
  });

  test("is not written again when nothing changed, and healed where it was damaged", async () => {
    await using s3 = await server();
    const { options, commands } = scene();
    const target = fresh({ ...options, cacheTo: [at(s3)] });
    await buildChecked(target);
    s3.requests.length = 0;
    await buildChecked(target);
    expect(s3.requests).toEqual([`GET ${INDEX} 200`]);
    s3.objects.clear();
    s3.objects.set(INDEX, Buffer.from("{}"));
    const damaged = await buildChecked(fresh({ ...options, cacheFrom: [at(s3)] }));
    expect(damaged.warnings).toEqual([expect.stringMatching(/^cache s3 "bucket\/buildkit" cannot be read: /)]);
    await buildChecked(target);
    const again = await buildChecked(fresh({ ...options, cacheFrom: [at(s3)] }));
    expect(again.warnings).toEqual([]);
    expect(again.ran).toEqual([]);
    expect(commands()).toBe(2);
  });

  test("whose layers are gone or lie costs a warning and time", async () => {
    await using s3 = await server();
    const { options, commands } = scene();
    await buildChecked(fresh({ ...options, cacheTo: [at(s3)] }));
    const [gone, wrong] = blobs(s3);
    s3.objects.delete(gone!);
    s3.objects.set(wrong!, Buffer.from("other"));
    const second = await buildChecked(fresh({ ...options, cacheFrom: [at(s3)], cacheTo: [at(s3)] }));
    expect(second.warnings.length).toBeGreaterThan(0);
    // And what was made again is there for the next.
    const third = await buildChecked(fresh({ ...options, cacheFrom: [at(s3)] }));
    expect(third.warnings).toEqual([]);
    expect(third.ran).toEqual([]);
    expect(commands()).toBe(2);
  });

  test("is asked again when the server is busy", async () => {
    await using s3 = await server();
    const { options, commands } = scene();
    let busy = 0;
    s3.intercept = (request, response) => {
      if (busy++ % 4 !== 0) return false;
      refuse(response, 503, "SlowDown", request);
      return true;
    };
    const first = await buildChecked(fresh({ ...options, cacheTo: [at(s3)] }));
    const second = await buildChecked(fresh({ ...options, cacheFrom: [at(s3)] }));
    expect([...first.warnings, ...second.warnings]).toEqual([]);
    expect(commands()).toBe(1);
  });
});

/** Everything that a build tells or leaves, as one text. */
function traces(built: TestBuild, root: string): string {
  const files = readdirSync(root, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  const contents = files.map((file) => readFileSync(join(file.parentPath, file.name), "latin1"));
  return (
    JSON.stringify(built.events) + built.images.map((image) => image.configBytes.toString()).join() + contents.join()
  );
}

describe("credentials", () => {
  test("are in no event, record, layer and object: L1", async () => {
    await using s3 = await server();
    const target = fresh({ ...scene().options, cacheTo: [at(s3), "type=inline"], cacheFrom: [at(s3)] });
    const built = await buildChecked(target);
    expect(traces(built, target.root)).not.toMatch(CANARY);
    for (const [path, bytes] of s3.objects) expect(path + bytes.toString("latin1")).not.toMatch(CANARY);
  });

  test.each([
    ["a wrong secret", WRITTEN.replace("secret+", "sacret+"), "SignatureDoesNotMatch"],
    ["a wrong key", WRITTEN.replace("CANARYKEYID", "CANARYOTHER"), "InvalidAccessKeyId"],
    ["a wrong token", WRITTEN.replace("token==", "other"), "InvalidToken"],
  ])(
    "that are refused are a warning without them, also when the server repeats them: %s: L1",
    async (_, words, code) => {
      await using s3 = await server();
      const target = fresh({ ...scene().options, cacheTo: [at(s3, words)], cacheFrom: [at(s3, words)] });
      const built = await buildChecked(target);
      const said = `GET ${s3.url}${INDEX} was answered with status 403: ${code}`;
      expect(built.warnings).toEqual([
        `cache s3 "bucket/buildkit" cannot be read: ${said}; the build goes on without it`,
        `the cache was not exported to s3 "bucket/buildkit": ${said}`,
      ]);
      expect(traces(built, target.root)).not.toMatch(CANARY);
    },
  );

  test("are not shown where a server gives them as its error's code: L1", async () => {
    await using s3 = await server();
    s3.intercept = (request, response) => {
      refuse(response, 400, ACCOUNT.accessKeyId, request);
      return true;
    };
    const target = fresh({ ...scene().options, cacheFrom: [at(s3)] });
    const built = await buildChecked(target);
    expect(built.warnings).toEqual([expect.stringContaining("was answered with status 400;")]);
    expect(traces(built, target.root)).not.toMatch(CANARY);
  });

  test.each([301, 302, 307, 308])("go to no other server, whatever a redirect says: status %i: R1", async (status) => {
    await using s3 = await server();
    await using other = await server();
    s3.intercept = (request, response) => {
      response.writeHead(status, { location: `${other.url}${request.url}` }).end();
      return true;
    };
    const built = await buildChecked(fresh({ ...scene().options, cacheTo: [at(s3)], cacheFrom: [at(s3)] }));
    expect(built.warnings).toHaveLength(2);
    expect(built.warnings.join()).toContain(
      `was answered with status ${status}: the bucket is elsewhere: check region and endpoint_url`,
    );
    expect(other.requests).toEqual([]);
  });

  test("that nobody gave are a warning, and nothing is asked", async () => {
    await using s3 = await server();
    vi.stubEnv("AWS_ACCESS_KEY_ID", "");
    vi.stubEnv("AWS_SECRET_ACCESS_KEY", "");
    const spec = at(s3, "mode=min");
    const built = await buildChecked(fresh({ ...scene().options, cacheTo: [spec] }));
    expect(built.warnings).toEqual([
      expect.stringContaining("AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY are not set"),
    ]);
    expect(s3.requests).toEqual([]);
  });
});

test("a cache and a bucket that are not there are warnings; one that is not named is an error", async () => {
  await using s3 = await server();
  const { options } = scene();
  const built = await buildChecked(
    fresh({ ...options, cacheFrom: [at(s3), at(s3).replace("bucket=bucket", "bucket=other")] }),
  );
  expect(built.warnings).toEqual([
    expect.stringContaining('there is no cache in s3 "bucket/buildkit"'),
    expect.stringContaining("was answered with status 404: NoSuchBucket"),
  ]);
  for (const words of ["type=s3,region=r", "type=s3,bucket=b"]) {
    vi.stubEnv("AWS_REGION", "");
    vi.stubEnv("AWS_BUCKET", "");
    const failed = await build({ context: memory({}), dockerfile: "FROM scratch\n", cacheTo: [words] }).catch(
      (error: unknown) => error,
    );
    expect(isOcibuildError(failed, "OPTIONS_INVALID")).toBe(true);
  }
});
