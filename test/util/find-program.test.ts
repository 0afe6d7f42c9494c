import { chmodSync, mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { delimiter, join } from "node:path";
import { describe, expect, test } from "vitest";
import { findProgram } from "../../src/util/find-program.js";
import { tempFolder } from "../support/temp-folder.js";

const IS_WINDOWS = process.platform === "win32";

/** A folder with an executable file `tool`. */
function folderWithTool(name = "bin", parent = tempFolder()): string {
  const folder = join(parent, name);
  mkdirSync(folder, { recursive: true });
  const file = join(folder, IS_WINDOWS ? "tool.exe" : "tool");
  writeFileSync(file, "");
  chmodSync(file, 0o755);
  return folder;
}

const find = (folders: readonly string[], outside: readonly string[] = []) =>
  findProgram("tool", { searchPath: folders.join(delimiter), outside });

describe("P2: a program", () => {
  test("is the first that PATH has", () => {
    const [one, other] = [folderWithTool(), folderWithTool()];
    expect(find([tempFolder(), one, other])?.path).toContain(one);
  });

  test("is not taken from relative and empty entries of PATH", () => {
    const good = folderWithTool();
    const found = find(["", ".", "bin", good]);
    expect(found?.path).toContain(good);
    expect(found?.searchPath).toBe(good);
    expect(find(["", ".", "bin"])).toBeUndefined();
  });

  test("is not taken from the build context, nor are those that it starts itself", () => {
    const context = tempFolder();
    const inside = folderWithTool("node_modules/.bin", context);
    const good = folderWithTool();
    const found = find([inside, good], [context]);
    expect(found?.path).toContain(good);
    expect(found?.searchPath).toBe(good);
    expect(find([inside], [context])).toBeUndefined();
    expect(find([inside], [inside])).toBeUndefined();
  });

  test.skipIf(IS_WINDOWS)("is not taken from the build context through a link either", () => {
    const context = tempFolder();
    const inside = folderWithTool("bin", context);
    const linked = join(tempFolder(), "bin");
    symlinkSync(inside, linked);
    expect(find([linked], [context])).toBeUndefined();
    const withLink = tempFolder();
    symlinkSync(join(inside, "tool"), join(withLink, "tool"));
    expect(find([withLink], [context])).toBeUndefined();
  });

  test("may lie in a folder whose name only begins like the build context", () => {
    const parent = tempFolder();
    mkdirSync(join(parent, "ctx"));
    expect(find([folderWithTool("ctx-tools", parent)], [join(parent, "ctx")])).toBeDefined();
  });

  test.skipIf(IS_WINDOWS)("is a file that may be executed", () => {
    const folder = folderWithTool();
    chmodSync(join(folder, "tool"), 0o644);
    const second = tempFolder();
    mkdirSync(join(second, "tool"));
    expect(find([folder, second])).toBeUndefined();
  });
});
