/** Whether a runtime works here, found out by letting it start a program that is not there. */
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { bytesOf } from "../../util/bytes.js";
import type { RunIO, RunSpec } from "../contract.js";
import { runCommand } from "../overlay/run-command.js";
import type { Workshop } from "../overlay/workshop.js";
import { bundleConfig } from "./bundle-config.js";
import { BundleMounts } from "./bundle-mounts.js";
import { bundleScript } from "./bundle-script.js";
import type { Runtime } from "./runtime.js";
import { addRuntimeMounts, makeBundleFolder } from "./system-mounts.js";

const NOT_FOUND = 127;

/** What the runtime says is wrong; `undefined` when it comes as far as looking for the program. */
export async function tryRuntime(
  runtime: Runtime,
  { executor, space, scratch, pipes }: Workshop,
  signal: AbortSignal,
): Promise<string | undefined> {
  const folder = scratch.make();
  try {
    const root = join(folder, "root");
    for (const name of ["root", "root/dev", "root/proc"]) mkdirSync(join(folder, name), { mode: 0o755 });
    const mounts = new BundleMounts(bytesOf(root), executor);
    makeBundleFolder(folder);
    addRuntimeMounts(mounts, folder, runtime);
    mounts.add("proc", `${bytesOf(root)}/proc`, "proc", "nosuid,nodev,noexec");
    writeFileSync(join(folder, "fstab"), mounts.text(), "latin1");
    const args = ["/is-not-there"] as const;
    const config = bundleConfig({
      executor,
      spec: { ...SPEC, args },
      root,
      args,
      env: ["HOME=/"],
      mounts: mounts.inside(),
      terminal: false,
    });
    const script = bundleScript({ executor, runtime, folder, config, hasNetwork: true, before: [], input: "none" });
    let said = "";
    const onOutput = (_: string, chunk: Buffer): void => {
      said = (said + chunk.toString("utf8")).slice(0, 1000);
    };
    const io: RunIO = { signal, onOutput, openLayer: nothing, readSecret: nothing, sshSocket: nothing };
    const { exitCode } = await runCommand({ executor, space, pipes, script, spec: SPEC, io });
    return exitCode === NOT_FOUND ? undefined : `"${runtime.path}" ended with ${exitCode}: ${said.trim()}.`;
  } catch (error) {
    signal.throwIfAborted();
    return `"${runtime.path}" does not work here: ${(error as Error).message}.`;
  } finally {
    await scratch.remove(folder);
  }
}

const nothing = (): never => {
  throw new Error("a probe has neither layers nor mounts");
};

const SPEC: RunSpec = {
  rootfs: { chainId: null, layers: [] },
  platform: { os: "linux", architecture: "amd64" },
  args: ["/is-not-there"],
  env: [],
  cwd: "/",
  user: { uid: 0, gid: 0, additionalGids: [] },
  mounts: [],
  network: "default",
  security: "sandbox",
  hostname: "buildkitsandbox",
  hosts: [],
  shmSizeBytes: undefined,
  ulimits: [],
  changesetLimitBytes: 0,
};
