import { execFileSync } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { Readable } from "node:stream";
import { describe, expect, test } from "vitest";
import { openStore } from "../../src/cache/store.js";
import du from "../../src/cli/store/du-command.js";
import prune from "../../src/cli/store/prune-command.js";
import { type DiffId, digestOf } from "../../src/oci/digest.js";
import { tempFolder } from "../support/temp-folder.js";
import { fakeIo } from "./support/fake-io.js";

/** A store with the tar of one layer, and where that is. */
async function filled(): Promise<{ readonly root: string; readonly tar: string }> {
  const root = join(tempFolder(), "store");
  const store = await openStore(root);
  const content = Buffer.alloc(100_000, "layer");
  const file = store.layers.createTar();
  file.write(content);
  const diffId = digestOf(content) as string as DiffId;
  await store.layers.publishTar(file, diffId);
  store.close();
  return { root, tar: store.layers.tarPath(diffId) };
}

async function run(command: typeof du, args: readonly string[], input = ""): Promise<string> {
  const io = fakeIo([]);
  expect(await command.start({ ...io, stdin: () => Readable.from([input]) }, args)).toBe(0);
  return io.written.stdout;
}

describe("du", () => {
  test("shows kinds and a total that is what the disk says", async () => {
    const { root } = await filled();
    const text = await run(du, ["--root", root]);
    expect(text).toMatch(/^KIND {3,}COUNT {2}SIZE/);
    expect(text).toMatch(/^layer +1 +[\d.]+kB +[\d.]+kB$/m);
    const bytes = Number(execFileSync("du", ["-s", "--block-size=1", root], { encoding: "utf8" }).split("\t")[0]);
    expect(text).toContain(`Total:\t\t${(bytes / 1000).toFixed(2)}kB`);
  });

  test("lists each thing, and only those of a type", async () => {
    const { root } = await filled();
    const text = await run(du, ["--root", root, "--verbose", "--filter", "type=regular"]);
    expect(text).toMatch(/^ID +TYPE +RECLAIMABLE +SIZE +LAST ACCESSED$/m);
    expect(text).toMatch(/^layer\/[0-9a-f]{64}\.tar +regular +true +[\d.]+kB +\d{4}-/m);
    expect(text).not.toMatch(/^other/m);
    expect(await run(du, ["--root", root, "--filter", "type=exec.cachemount"])).toContain("Total:\t\t0B");
  });
});

describe("prune", () => {
  test("asks first, and takes nothing for a no", async () => {
    const { root, tar } = await filled();
    for (const answer of ["", "n\n", "nonsense\n"]) {
      expect(await run(prune, ["--root", root], answer)).toMatch(/^WARNING! .* \[y\/N\] $/);
      expect(existsSync(tar)).toBe(true);
    }
    expect(await run(prune, ["--root", root], "y\n")).toMatch(/Total:\t[\d.]+kB\n$/);
    expect(existsSync(tar)).toBe(false);
  });

  test("does not ask with --force", async () => {
    const { root, tar } = await filled();
    expect(await run(prune, ["--root", root, "-f", "--filter", "until=1h"])).toBe("Total:\t0B\n");
    expect(existsSync(tar)).toBe(true);
    expect(await run(prune, ["--root", root, "-f", "--keep-storage", "1GB"])).toBe("Total:\t0B\n");
    expect(await run(prune, ["--root", root, "-f", "--verbose"])).toMatch(/^ID .*\nlayer\/.*regular +[\d.]+kB\nTotal:/);
    expect(existsSync(tar)).toBe(false);
  });

  test.each([
    [["--filter", "until=soon"]],
    [["--filter", "label=x"]],
    [["--filter", "type=frontend"]],
    [["--max-used-space", "much"]],
    [["--min-free-space", "-1"]],
  ])("refuses %j", async (args) => {
    await expect(prune.start(fakeIo([]), ["-f", ...args])).rejects.toMatchObject({ code: "OPTIONS_INVALID" });
  });
});

test("what an executor keeps elsewhere is asked for by its name, and options about the store are refused beside it", async () => {
  const failure = (command: typeof du, ...args: string[]): Promise<number> =>
    command.start(fakeIo([], { env: { DOCKER_HOST: "unix:///nowhere/engine.sock" } }), args);
  for (const command of [du, prune]) {
    await expect(failure(command, "--executor", "runc")).rejects.toThrow(
      '"--executor runc" keeps nothing in an engine',
    );
    await expect(failure(command, "--executor", "buildkit")).rejects.toMatchObject({
      hint: expect.stringContaining("docker buildx prune"),
    });
    await expect(failure(command, "--executor", "docker", "--root", "/r")).rejects.toThrow(
      '"--root" is about the store',
    );
    await expect(failure(command, "--executor", "docker")).rejects.toMatchObject({ code: "EXECUTOR_FAILED" });
  }
  for (const option of ["--max-used-space", "--min-free-space", "--reserved-space", "--keep-storage"]) {
    await expect(failure(prune, "--executor", "docker", option, "1GB")).rejects.toThrow(
      `"${option}" is about the store`,
    );
  }
});
