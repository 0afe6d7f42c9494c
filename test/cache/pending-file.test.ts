import { existsSync, mkdirSync, readdirSync, readFileSync, utimesSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { PendingFile, removeLeftovers } from "../../src/cache/pending-file.js";
import { ownedName, ownerPid, ownerState } from "../../src/util/process-owner.js";
import { bundleScript, runScript } from "../support/child.js";
import { tempFolder } from "../support/temp-folder.js";

describe("a pending file", () => {
  test("has no name until it is committed, then all of its bytes under it", async () => {
    const dir = tempFolder();
    const target = join(dir, "deep", "folder", "file");
    const file = PendingFile.create(join(dir, "tmp"));
    file.write(Buffer.from("hello "));
    file.write(Buffer.alloc(0));
    file.write(new Uint8Array([119, 111, 114, 108, 100]));
    expect(file.sizeBytes).toBe(11);
    expect(readFileSync(file.path, "utf8")).toBe("hello world");
    expect(existsSync(target)).toBe(false);
    await file.commit(target);
    expect(readFileSync(target, "utf8")).toBe("hello world");
    expect(readdirSync(join(dir, "tmp"))).toEqual([]);
  });

  test("replaces what has the name", async () => {
    const dir = tempFolder();
    for (const content of ["one", "two"]) {
      const file = PendingFile.create(dir);
      file.write(Buffer.from(content));
      await file.commit(join(dir, "file"));
      expect(readFileSync(join(dir, "file"), "utf8")).toBe(content);
    }
    expect(readdirSync(dir)).toEqual(["file"]);
  });

  test("discarding removes it, before a commit only, and may be repeated", async () => {
    const dir = tempFolder();
    const dropped = PendingFile.create(dir);
    dropped.write(Buffer.from("x"));
    dropped.discard();
    dropped.discard();
    expect(readdirSync(dir)).toEqual([]);
    const kept = PendingFile.create(dir);
    await kept.commit(join(dir, "kept"));
    await kept[Symbol.asyncDispose]();
    expect(readdirSync(dir)).toEqual(["kept"]);
  });

  test("S4: using it after its end is a typed error", async () => {
    const file = PendingFile.create(tempFolder());
    file.discard();
    const expected = expect.objectContaining({ code: "STORE_UNUSABLE" });
    expect(() => file.write(Buffer.from("x"))).toThrowError(expected);
    expect(() => file.commitUnsynced("/nowhere")).toThrowError(expected);
    await expect(file.commit("/nowhere")).rejects.toMatchObject({ code: "STORE_UNUSABLE" });
  });

  test("K3: what the system refuses is a typed error, and leaves nothing", async () => {
    const dir = tempFolder();
    writeFileSync(join(dir, "file"), "");
    expect(() => PendingFile.create(join(dir, "file", "tmp"))).toThrowError(
      expect.objectContaining({ code: "STORE_UNUSABLE" }),
    );
    mkdirSync(join(dir, "taken", "full"), { recursive: true });
    const file = PendingFile.create(join(dir, "tmp"));
    await expect(file.commit(join(dir, "taken"))).rejects.toMatchObject({ code: "STORE_UNUSABLE" });
    expect(readdirSync(join(dir, "tmp"))).toEqual([]);
  });
});

describe("leftovers", () => {
  test("K1: those of dead processes are removed, those of living ones stay", async () => {
    const dir = tempFolder();
    const tmp = join(dir, "tmp");
    const script = await bundleScript("test/support/leave-temporary-file.ts", dir);
    const result = await runScript(script, [tmp]);
    expect(result).toMatchObject({ signal: "SIGKILL" });
    expect(readdirSync(tmp)).toHaveLength(2);
    expect(readdirSync(tmp).map(ownerState)).toEqual(["dead", "dead"]);

    const mine = PendingFile.create(tmp);
    removeLeftovers(tmp);
    expect(readdirSync(tmp).map((name) => join(tmp, name))).toEqual([mine.path]);
    mine.discard();
  });

  test("K8: those whose owner cannot be asked stay for a day by the file system's clock", () => {
    const tmp = tempFolder();
    const [pid, start, , ...rest] = ownedName().split("-");
    const elsewhere = [pid, start, "0123abcd", ...rest].join("-");
    expect(ownerState(elsewhere)).toBe("unknown");
    writeFileSync(join(tmp, elsewhere), "");
    writeFileSync(join(tmp, "named by nobody"), "");
    removeLeftovers(tmp);
    expect(readdirSync(tmp)).toHaveLength(2);
    const old = Date.now() / 1000 - 25 * 3600;
    utimesSync(join(tmp, elsewhere), old, old);
    removeLeftovers(tmp);
    expect(readdirSync(tmp)).toEqual(["named by nobody"]);
  });

  test("a missing folder is no error", () => {
    expect(() => removeLeftovers(join(tempFolder(), "none"))).not.toThrow();
  });
});

test("an owned name is never given twice and tells its process", () => {
  const names = Array.from({ length: 100 }, ownedName);
  expect(new Set(names).size).toBe(100);
  for (const name of names) {
    expect(ownerState(name)).toBe("alive");
    expect(ownerState(`${name}.damaged`)).toBe("alive");
    expect(ownerPid(name)).toBe(String(process.pid));
  }
});
