/** Stores on file systems that are full or read-only: real ones, mounted for the test. */
import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { openLayout } from "../../src/cache/oci-layout.js";
import { ociLayout } from "../../src/index.js";
import { validateImage } from "../../src/testing/validate-image.js";
import { buildChecked, buildOnly, temporaryFiles } from "../support/builds.js";
import { bytesFor } from "../support/registry.js";

let dir = "";
let mounted = "";

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), "ocibuild-troubles-"));
  mounted = join(dir, "mounted");
  mkdirSync(mounted);
});
afterEach(() => {
  execFileSync("umount", [mounted]);
  rmSync(dir, { recursive: true, force: true });
});

const mount = (options: string): void =>
  void execFileSync("mount", ["-t", "tmpfs", "-o", `${options},mode=0700`, "none", mounted]);
const remount = (options: string): void => void execFileSync("mount", ["-o", `remount,${options}`, mounted]);

const isRoot = process.getuid?.() === 0;
if (!isRoot) process.stderr.write("\n!!! SKIPPED: only root can mount; stores on full file systems are not tried\n");

const files = { big: bytesFor("big", 6_000_000), small: "small" };
const dockerfile = "FROM scratch\nCOPY small /\nCOPY big /\n";

describe.runIf(isRoot)("a store", () => {
  test("K3: on a disk that gets full is a clear error that leaves nothing behind, and then right", async () => {
    mount("size=4m");
    const root = join(mounted, "store");
    const options = { root, files, dockerfile, reproducible: true };
    for (let attempt = 0; attempt < 3; attempt++) {
      await expect(buildOnly(options)).rejects.toMatchObject({
        code: "STORE_UNUSABLE",
        hint: expect.stringMatching(/disk/),
      });
      expect(temporaryFiles(root)).toEqual([]);
    }
    remount("size=64m");
    const built = await buildChecked(options);
    expect(built.cached).toEqual(["COPY small /"]);
  });

  test("K3: with a limit below what the disk has stays below it", async () => {
    mount("size=64m");
    const root = join(mounted, "store");
    const options = { root, files, dockerfile, storeLimit: 3_000_000 };
    await expect(buildOnly(options)).rejects.toMatchObject({ code: "STORE_FULL" });
    const used = Number(execFileSync("du", ["-s", "--block-size=1", root], { encoding: "utf8" }).split("\t")[0]);
    expect(used).toBeLessThan(3_000_000);
    expect(temporaryFiles(root)).toEqual([]);
  });

  test("K4: that cannot be written to does not keep a build from its output, and says so once", async () => {
    mount("size=64m");
    const root = join(mounted, "store");
    const out = join(dir, "out");
    const options = { root, files, dockerfile, reproducible: true, outputs: [ociLayout(out)] };
    const before = await buildOnly(options);
    rmSync(out, { recursive: true });
    remount("ro");
    const built = await buildOnly(options);
    expect(built.digest).toBe(before.digest);
    await validateImage((await openLayout(out)).blobs, built.descriptor);
    expect(built.warnings).toEqual([
      `nothing can be written to the store "${root}": the build goes on without a cache`,
    ]);
    const kept = readdirSync(tmpdir()).filter((name) => name.startsWith("ocibuild-store-"));
    expect(kept.filter((name) => existsSync(join(tmpdir(), name, "CACHEDIR.TAG")))).toEqual([]);
  });

  test("K4: that cannot even be made does not either", async () => {
    mount("size=64m");
    remount("ro");
    const out = join(dir, "out");
    const built = await buildOnly({ root: join(mounted, "store"), files, dockerfile, outputs: [ociLayout(out)] });
    await validateImage((await openLayout(out)).blobs, built.descriptor);
    expect(built.warnings).toHaveLength(1);
  });

  test("K4: that cannot be written to is an error when the image is to be kept there", async () => {
    mount("size=64m");
    remount("ro");
    await expect(buildOnly({ root: join(mounted, "store"), files, dockerfile })).rejects.toMatchObject({
      code: "STORE_UNUSABLE",
      hint: expect.stringMatching(/writable/),
    });
  });
});
