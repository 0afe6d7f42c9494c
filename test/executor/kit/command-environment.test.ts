import { chmodSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { commandEnvironment } from "../../../src/executor/kit/command-environment.js";
import { RootView } from "../../../src/executor/kit/root-view.js";
import { bytesOf } from "../../../src/util/bytes.js";
import { tempFolder } from "../../support/temp-folder.js";

const EMPTY = new RootView([], (id) => id);
const NO_SECRETS = new Map<string, never>();

function viewWithEnv(): RootView {
  const folder = tempFolder();
  mkdirSync(join(folder, "usr/bin"), { recursive: true });
  writeFileSync(join(folder, "usr/bin/env"), "");
  chmodSync(join(folder, "usr/bin/env"), 0o755);
  return new RootView([{ folder: bytesOf(folder), opaque: new Set(), hidden: new Set(), root: undefined }], (id) => id);
}

test("ordinary variables are set at once", () => {
  const env = ["PATH=/bin", "LANG=C.UTF-8", "LC_ALL=de_DE.UTF-8@euro", "NAME=ü"];
  expect(commandEnvironment(env, NO_SECRETS, EMPTY, "test")).toEqual({
    direct: env.map(bytesOf),
    exported: [],
    prefix: [],
  });
});

test.each([
  "LD_PRELOAD=/proc/self/cwd/evil.so",
  "LD_LIBRARY_PATH=/x",
  "GLIBC_TUNABLES=x",
  "GCONV_PATH=/proc/self/cwd",
  "LOCPATH=/proc/self/cwd",
  "LANGUAGE=../../../proc/self/cwd",
  "LANG=../x",
  "LC_MESSAGES=/x",
  "NLSPATH=/x",
])("X1: %s never reaches a program of the host", (line) => {
  expect(commandEnvironment(["A=1", line], NO_SECRETS, viewWithEnv(), "test")).toEqual({
    direct: ["A=1"],
    exported: [],
    prefix: ["/usr/bin/env", line],
  });
  expect(() => commandEnvironment([line], NO_SECRETS, EMPTY, "test")).toThrow(/can only be set by an "env"/);
});

test("L1: secrets win over variables of the same name, and are no arguments", () => {
  const secrets = new Map([["TOKEN", bytesOf("s3cret")]]);
  expect(commandEnvironment(["TOKEN=public", "A=1"], secrets, EMPTY, "test")).toEqual({
    direct: ["A=1"],
    exported: [["TOKEN", "s3cret"]],
    prefix: [],
  });
  expect(() => commandEnvironment([], new Map([["T", bytesOf("a\0b")]]), EMPTY, "test")).toThrow(/NUL/);
});
