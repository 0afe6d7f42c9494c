/** The cases with RUN under each executor, as root and as an ordinary user with subordinate ids. */
import { chmodSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { CHROOT_EXCEPTIONS, ORDINARY_USER_EXCEPTIONS, RUN_EXCEPTIONS } from "../conformance/run-exceptions.js";
import type { StrictDifference } from "../conformance/run-script.js";
import { bundleScript } from "../support/child.js";
import { makeOrdinaryUser, type OrdinaryUser, requireOrdinaryUser, requireRoot } from "../support/ordinary-user.js";
import { makeOwnFolder, removeOwnFolder } from "../support/own-folder.js";
import { runProgram } from "../support/program.js";
import { requireTool } from "../support/tools.js";

/** As many cases as the corpus has that need RUN: none may get lost. */
const CASES = 267;

const ready = process.platform === "linux" && requireTool("busybox", "newuidmap", "runc", "crun") && requireRoot();

describe.runIf(ready && requireOrdinaryUser())("the conformance cases with RUN", () => {
  let folder: string;
  let script: string;
  let user: OrdinaryUser;
  beforeAll(async () => {
    folder = makeOwnFolder("conformance");
    script = await bundleScript(join(import.meta.dirname, "../conformance/run-script.ts"), folder);
    chmodSync(script, 0o644);
    user = makeOrdinaryUser();
  });
  afterAll(async () => {
    await user?.[Symbol.asyncDispose]();
    removeOwnFolder(folder);
  });

  it.each([
    ["root", "namespaces"],
    ["root", "runc"],
    ["root", "chroot"],
    ["an ordinary user", "namespaces"],
    ["an ordinary user", "runc"],
  ] as const)("agree strictly for %s under %s, or are exceptions", async (who, executor) => {
    const command = [process.execPath, script, executor] as const;
    const [program, ...args] = who === "root" ? command : user.command(command);
    const env = { ...process.env, ...(who === "root" ? {} : { ...user.env, TMPDIR: user.folder(`tmp-${executor}`) }) };
    const out = await runProgram(program, args, { cwd: "/", env });
    const { count, differences } = JSON.parse(out) as {
      readonly count: number;
      readonly differences: readonly StrictDifference[];
    };
    expect(count).toBe(CASES);
    const exceptions = new Map([
      ...RUN_EXCEPTIONS,
      ...(who === "root" ? [] : ORDINARY_USER_EXCEPTIONS),
      ...(executor === "chroot" ? CHROOT_EXCEPTIONS : []),
    ]);
    expect(differences.filter(({ id }) => !exceptions.has(id))).toEqual([]);
    const differing = new Set(differences.map(({ id }) => id));
    expect([...exceptions.keys()].filter((id) => !differing.has(id))).toEqual([]);
  });
});
