import {
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { openLayout } from "../../src/cache/oci-layout.js";
import { isOcibuildError, ociLayout } from "../../src/index.js";
import { validateImage } from "../../src/testing/validate-image.js";
import { buildChecked, buildOnly, expectNoTemporaryFiles, fresh, type TestOptions } from "../support/builds.js";
import { LONG_TIMEOUT_MS, runs } from "../support/runs.js";
import { tempFolder } from "../support/temp-folder.js";

/** Every regular file below `dir`. */
function filesBelow(dir: string): string[] {
  if (!existsSync(dir)) return [];
  return readdirSync(dir, { recursive: true, encoding: "utf8" })
    .map((name) => join(dir, name))
    .filter((path) => statSync(path).isFile())
    .sort();
}

function flip(path: string, at: number): void {
  const bytes = readFileSync(path);
  bytes[at] = bytes[at]! ^ 1;
  writeFileSync(path, bytes);
}

const DOCKERFILE = `FROM base AS build
COPY --chown=app . /src/
FROM base
COPY --from=build /src/big /src/small /app/
COPY --from=build --chown=app:staff /etc/motd /motd
WORKDIR /w
`;

/** A base image as an OCI layout, and a build that reads files of it and of a stage. */
async function scene(): Promise<{ readonly options: TestOptions & { root: string }; readonly layout: string }> {
  const layout = join(tempFolder(), "base");
  const files = {
    "etc/passwd": "root:x:0:0::/:/bin/sh\napp:x:1234:99::/:/bin/sh\n",
    "etc/group": "staff:x:55:\n",
    "etc/motd": "welcome ".repeat(300),
  };
  await buildOnly(fresh({ dockerfile: "FROM scratch\nCOPY . /\n", files, outputs: [ociLayout(layout)] }));
  const options = fresh({
    dockerfile: DOCKERFILE,
    files: { big: "0123456789".repeat(1000), small: "s" },
    buildContexts: { base: `oci-layout://${layout}` },
    reproducible: true,
  });
  return { options, layout };
}

describe("K5: what rots in the store", () => {
  test(
    "is never part of an image and never stops a build, whichever byte it is",
    async () => {
      const { options } = await scene();
      const good = await buildChecked(options);
      const rounds = fc.record({
        file: fc.nat(),
        byte: fc.nat(),
        // The step cache answers, or it does not: then everything is read.
        noCache: fc.constantFrom(false, true, ["1"]),
      });
      await fc.assert(
        fc.asyncProperty(rounds, async ({ file, byte, noCache }) => {
          const paths = filesBelow(options.root).filter((path) => /[/\\](layers|steps|images)[/\\].*[/\\]/.test(path));
          const path = paths[file % paths.length]!;
          flip(path, byte % statSync(path).size);
          const out = join(tempFolder(), "out");
          const again = await buildOnly({ ...options, noCache, outputs: [ociLayout(out)] });
          expect(again.digest).toBe(good.digest);
          await validateImage((await openLayout(out)).blobs, again.descriptor);
          expectNoTemporaryFiles(options.root);
        }),
        { numRuns: runs(12) },
      );
    },
    LONG_TIMEOUT_MS,
  );

  test.each(["cut off", "empty", "gone"])("counts as missing when a layer's tar is %s", async (what) => {
    const { options } = await scene();
    const good = await buildChecked(options);
    for (const path of filesBelow(join(options.root, "layers")).filter((name) => name.endsWith(".tar"))) {
      const bytes = readFileSync(path);
      if (what === "gone") writeFileSync(path, "");
      else writeFileSync(path, bytes.subarray(0, what === "empty" ? 0 : bytes.length - 700));
    }
    expect((await buildChecked({ ...options, noCache: true })).digest).toBe(good.digest);
  });

  test("a file of a stage's tar that rots after the tar was looked at is noticed when it is packed", async () => {
    const { options } = await scene();
    const good = await buildChecked(options);
    const tars = filesBelow(join(options.root, "layers")).filter((name) => name.endsWith(".tar"));
    const stage = tars.find((path) => readFileSync(path).includes("0123456789"))!;
    flip(stage, readFileSync(stage).indexOf("0123456789") + 5);
    const again = await buildChecked({ ...options, noCache: ["1"] });
    expect(again.digest).toBe(good.digest);
    expect(again.warnings).toContainEqual(
      expect.stringMatching(/layer "sha256:[0-9a-f]{64}" in the store was damaged/),
    );
  });

  test("a user list that rots gives no other owner", async () => {
    const { options } = await scene();
    const good = await buildChecked(options);
    const tars = filesBelow(join(options.root, "layers")).filter((name) => name.endsWith(".tar"));
    const base = tars.find((path) => readFileSync(path).includes("app:x:1234"))!;
    flip(base, readFileSync(base).indexOf("app:x:1234") + 7);
    expect((await buildChecked({ ...options, noCache: true })).digest).toBe(good.digest);
  });

  test("in what an output writes leads to another attempt, and to an error where nothing can be taken back", async () => {
    const { options } = await scene();
    const good = await buildChecked(options);
    const blobs = join(options.root, "images", "blobs", "sha256");
    const layer = join(blobs, good.images[0]!.layers.at(-2)!.descriptor.digest.slice(7));
    const whole = `${layer}.copy`;
    copyFileSync(layer, whole);
    flip(layer, 20);
    const out = join(tempFolder(), "out");
    const again = await buildOnly({ ...options, outputs: [ociLayout(out)] });
    expect(again.digest).toBe(good.digest);
    await validateImage((await openLayout(out)).blobs, again.descriptor);
    expect(readFileSync(layer).equals(readFileSync(whole))).toBe(true);

    flip(layer, 20);
    const { Writable } = await import("node:stream");
    const stdout = new Writable({ write: (_chunk, _encoding, done) => done() });
    const broken = buildOnly({ ...options, outputs: ["type=oci,dest=-"], stdout });
    await expect(broken).rejects.toMatchObject({ code: "BLOB_DIGEST_MISMATCH" });
    expect((await buildChecked(options)).digest).toBe(good.digest);
  });
});

describe("K4: a store", () => {
  test("that nothing can be written to is a clear error", async () => {
    const options = fresh({ dockerfile: "FROM scratch\nCOPY a /\n", files: { a: "a" } });
    mkdirSync(options.root, { recursive: true });
    writeFileSync(join(options.root, "tmp"), "a file in the way");
    await expect(buildOnly(options)).rejects.toMatchObject({ code: "STORE_UNUSABLE", hint: expect.any(String) });
  });

  test(
    "that is deleted while a build runs costs time or is a clear error, and never a wrong image",
    async () => {
      const { options } = await scene();
      const good = await buildOnly(options);
      const events = good.events.length;
      await fc.assert(
        fc.asyncProperty(fc.nat(events - 1), fc.boolean(), async (at, noCache) => {
          const out = join(tempFolder(), "out");
          await buildOnly(options);
          let seen = 0;
          const onEvent = (): void => {
            if (seen++ === at) rmSync(options.root, { recursive: true, force: true });
          };
          const outcome: unknown = await buildOnly({ ...options, noCache, outputs: [ociLayout(out)], onEvent }).catch(
            (error: unknown) => error,
          );
          if (isOcibuildError(outcome)) return;
          expect(outcome).toMatchObject({ digest: good.digest });
          await validateImage((await openLayout(out)).blobs, good.descriptor);
        }),
        { numRuns: runs(8) },
      );
    },
    LONG_TIMEOUT_MS,
  );
});
