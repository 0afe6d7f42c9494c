/** What a cache in a bucket promises, whichever server has the bucket: whole builds in this process. */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, describe, expect, test, vi } from "vitest";
import type { AwsCredentials } from "../../src/shared-cache/s3-signature.js";
import { buildChecked, fresh, type TestBuild } from "./builds.js";
import { ALL, scene } from "./cache-scene.js";

/** A new bucket, and a way around the code under test to what is in it. */
export interface TestBucket extends AsyncDisposable {
  readonly url: string;
  readonly region: string;
  readonly bucket: string;
  /** Its parts begin with `canary`, so that they are found wherever they leak. */
  readonly account: AwsCredentials;
  /** What the server says to a key that it does not know. */
  readonly unknownKeyCode: string;
  /** Names of the objects. */
  keys(): Promise<string[]>;
  read(key: string): Promise<Buffer>;
  write(key: string, bytes: Buffer): Promise<void>;
  remove(key: string): Promise<void>;
}

export const CANARY: RegExp = /canary/i;
/** Name of the index, unless the cache has another one. */
export const INDEX = "manifests/buildkit.ocibuild.v1/index.json";

/** Of the steps, and of what COPY selects. */
const ENTRIES = 6;
/** Each of these is written in another way in a URL, in a signature, or in neither. */
const ODD_PREFIX = "/tëam a//1+1=2&b%20c?d#e/(f)!*'~@$:;\\^[g]/";

/** Attributes that give the account, each replaced by what is given. */
export function accountWords({ account }: TestBucket, other: Partial<AwsCredentials> = {}): string {
  const { accessKeyId, secretAccessKey, sessionToken } = { ...account, ...other };
  const token = sessionToken === undefined ? "" : `,session_token=${sessionToken}`;
  return `access_key_id=${accessKeyId},secret_access_key=${secretAccessKey}${token}`;
}

/** A value of `--cache-to` and `--cache-from`. */
export function specOf(bucket: TestBucket, words: string = accountWords(bucket)): string {
  return `type=s3,region=${bucket.region},bucket=${bucket.bucket},endpoint_url=${bucket.url},${words}`;
}

/** Everything that a build tells or leaves, as one text. */
export function traces(built: TestBuild, root: string): string {
  const files = readdirSync(root, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  const contents = files.map((file) => readFileSync(join(file.parentPath, file.name), "latin1"));
  return (
    JSON.stringify(built.events) + built.images.map((image) => image.configBytes.toString()).join() + contents.join()
  );
}

const blobsOf = async (bucket: TestBucket): Promise<string[]> =>
  (await bucket.keys()).filter((key) => key.startsWith("blobs/"));

export function s3CacheSuite(title: string, open: () => Promise<TestBucket>): void {
  describe(`a cache in a bucket of ${title}`, () => {
    afterEach(() => {
      vi.unstubAllEnvs();
    });

    test.each(["min", "max"])("with mode=%s rebuilds in a new store without running anything", async (mode) => {
      await using s3 = await open();
      const { options, commands } = scene();
      const first = await buildChecked(fresh({ ...options, cacheTo: [`${specOf(s3)},mode=${mode}`] }));
      expect(first.warnings).toEqual([]);
      const second = await buildChecked(fresh({ ...options, cacheFrom: [specOf(s3)] }));
      expect(second.warnings).toEqual([]);
      expect(second.ran).toEqual([]);
      expect(second.cached).toHaveLength(ALL);
      expect(second.digest).toBe(first.digest);
      expect(commands()).toBe(1);
      const blobs = await blobsOf(s3);
      // Each COPY whose layer is there has the list of its files beside it.
      const lists = mode === "min" ? 2 : 3;
      expect(blobs).toHaveLength((mode === "min" ? 3 : 5) + lists);
      expect(await s3.keys()).toHaveLength(blobs.length + ENTRIES + lists + 1);
    });

    test("takes region, bucket, endpoint and credentials from the environment", async () => {
      await using s3 = await open();
      vi.stubEnv("AWS_REGION", s3.region);
      vi.stubEnv("AWS_BUCKET", s3.bucket);
      vi.stubEnv("AWS_ENDPOINT_URL_S3", s3.url);
      vi.stubEnv("AWS_ACCESS_KEY_ID", s3.account.accessKeyId);
      vi.stubEnv("AWS_SECRET_ACCESS_KEY", s3.account.secretAccessKey);
      vi.stubEnv("AWS_SESSION_TOKEN", s3.account.sessionToken);
      const { options, commands } = scene();
      const spec = "type=s3,prefix=team a/,name=app";
      const first = await buildChecked(fresh({ ...options, cacheTo: [spec] }));
      const second = await buildChecked(fresh({ ...options, cacheFrom: [spec] }));
      expect([...first.warnings, ...second.warnings]).toEqual([]);
      expect(commands()).toBe(1);
      expect(await s3.keys()).toContain("team a/manifests/app.ocibuild.v1/index.json");
    });

    test("may have names with all characters, which are signed as the server reads them", async () => {
      await using s3 = await open();
      const { options, commands } = scene();
      const spec = `${specOf(s3)},prefix=${ODD_PREFIX},name=ä b+c`;
      const first = await buildChecked(fresh({ ...options, cacheTo: [spec] }));
      const second = await buildChecked(fresh({ ...options, cacheFrom: [spec] }));
      expect([...first.warnings, ...second.warnings]).toEqual([]);
      expect(second.ran).toEqual([]);
      expect(commands()).toBe(1);
      const keys = await s3.keys();
      expect(keys).toContain(`${ODD_PREFIX}manifests/ä b+c.ocibuild.v1/index.json`);
      for (const key of keys) expect(key.startsWith(ODD_PREFIX)).toBe(true);
    });

    test("is added to: what jobs write at once stays", async () => {
      await using s3 = await open();
      const { options, commands } = scene();
      const jobs = ["one", "two", "three"];
      const built = await Promise.all(
        jobs.map((a) => buildChecked(fresh({ ...options, files: { a, b: "b" }, cacheTo: [`${specOf(s3)},mode=max`] }))),
      );
      for (const [number, a] of jobs.entries()) {
        const again = await buildChecked(fresh({ ...options, files: { a, b: "b" }, cacheFrom: [specOf(s3)] }));
        expect(again.ran).toEqual([]);
        expect(again.digest).toBe(built[number]!.digest);
      }
      expect(commands()).toBe(jobs.length);
      // What is lost from the index is still found by its key.
      const index = JSON.parse(String(await s3.read(INDEX))) as object;
      await s3.write(INDEX, Buffer.from(JSON.stringify({ ...index, manifests: [] })));
      const again = await buildChecked(fresh({ ...options, files: { a: "two", b: "b" }, cacheFrom: [specOf(s3)] }));
      expect(again.ran).toEqual([]);
    });

    test("is healed where it was damaged", async () => {
      await using s3 = await open();
      const { options, commands } = scene();
      const target = fresh({ ...options, cacheTo: [specOf(s3)] });
      await buildChecked(target);
      for (const key of await s3.keys()) await s3.remove(key);
      await s3.write(INDEX, Buffer.from("{}"));
      const damaged = await buildChecked(fresh({ ...options, cacheFrom: [specOf(s3)] }));
      expect(damaged.warnings).toEqual([expect.stringMatching(/^cache s3 ".*\/buildkit" cannot be read: /)]);
      await buildChecked(target);
      const again = await buildChecked(fresh({ ...options, cacheFrom: [specOf(s3)] }));
      expect(again.warnings).toEqual([]);
      expect(again.ran).toEqual([]);
      expect(commands()).toBe(2);
    });

    test("whose layers are gone or lie costs a warning and time", async () => {
      await using s3 = await open();
      const { options, commands } = scene();
      const first = await buildChecked(fresh({ ...options, cacheTo: [specOf(s3)] }));
      const layers = first.images[0]!.layers.map(({ descriptor }) => descriptor.digest);
      const [gone, wrong] = (await blobsOf(s3)).filter((key) => layers.some((digest) => key.endsWith(digest)));
      await s3.remove(gone!);
      await s3.write(wrong!, Buffer.from("other"));
      const second = await buildChecked(fresh({ ...options, cacheFrom: [specOf(s3)], cacheTo: [specOf(s3)] }));
      expect(second.warnings.length).toBeGreaterThan(0);
      // And what was made again is there for the next.
      const third = await buildChecked(fresh({ ...options, cacheFrom: [specOf(s3)] }));
      expect(third.warnings).toEqual([]);
      expect(third.ran).toEqual([]);
      expect(commands()).toBe(2);
    });

    test("touches nothing else that is there", async () => {
      await using s3 = await open();
      const { options } = scene();
      const others = ["index.json", "blobs/sha256:other", "manifests/buildkit", "manifests/app.ocibuild.v1/index.json"];
      for (const key of others) await s3.write(key, Buffer.from(`this is ${key}`));
      await buildChecked(fresh({ ...options, cacheTo: [specOf(s3)] }));
      await buildChecked(fresh({ ...options, files: { a: "1", b: "2" }, cacheTo: [specOf(s3)] }));
      for (const key of others) expect(String(await s3.read(key))).toBe(`this is ${key}`);
    });

    test("has the credentials in no event, record, layer and object: L1", async () => {
      await using s3 = await open();
      const target = fresh({ ...scene().options, cacheTo: [specOf(s3), "type=inline"], cacheFrom: [specOf(s3)] });
      const built = await buildChecked(target);
      expect(traces(built, target.root)).not.toMatch(CANARY);
      for (const key of await s3.keys()) expect(key + (await s3.read(key)).toString("latin1")).not.toMatch(CANARY);
    });

    test.each<[string, Partial<AwsCredentials>]>([
      ["secret", { secretAccessKey: "canary/sacret+key" }],
      ["key", { accessKeyId: "CANARYOTHER" }],
    ])("is a warning without credentials when the %s is wrong: L1", async (_, wrong) => {
      await using s3 = await open();
      const spec = specOf(s3, accountWords(s3, wrong));
      const target = fresh({ ...scene().options, cacheTo: [spec], cacheFrom: [spec] });
      const built = await buildChecked(target);
      const code = "accessKeyId" in wrong ? s3.unknownKeyCode : "SignatureDoesNotMatch";
      const said = `GET ${s3.url}/${s3.bucket}/${INDEX} was answered with status 403: ${code}, check access_key_id`;
      const title = `s3 "${s3.bucket}/buildkit"`;
      expect(built.warnings).toEqual([
        expect.stringContaining(`cache ${title} cannot be read: ${said}`),
        expect.stringContaining(`the cache was not exported to ${title}: ${said}`),
      ]);
      expect(await s3.keys()).toEqual([]);
      expect(traces(built, target.root)).not.toMatch(CANARY);
    });

    test("is a warning that names the region when requests are signed for another one", async () => {
      await using s3 = await open();
      const spec = specOf(s3).replace(`region=${s3.region}`, "region=nowhere-1");
      const built = await buildChecked(fresh({ ...scene().options, cacheTo: [spec], cacheFrom: [spec] }));
      expect(built.warnings).toEqual([
        expect.stringContaining("was answered with status 400: AuthorizationHeaderMalformed, check region"),
        expect.stringContaining("was answered with status 400: AuthorizationHeaderMalformed, check region"),
      ]);
    });

    test("is a warning when there is none, or no such bucket", async () => {
      await using s3 = await open();
      const nowhere = specOf(s3).replace(`bucket=${s3.bucket}`, "bucket=nowhere");
      const built = await buildChecked(
        fresh({ ...scene().options, cacheFrom: [specOf(s3), nowhere], cacheTo: [nowhere] }),
      );
      expect(built.warnings).toEqual([
        expect.stringContaining(`there is no cache in s3 "${s3.bucket}/buildkit"`),
        expect.stringContaining("was answered with status 404: NoSuchBucket"),
        expect.stringContaining("was answered with status 404: NoSuchBucket"),
      ]);
    });
  });
}
