/** The buildkit executor over buildctl, with a BuildKit daemon of the test's own: by its socket, over TCP and over TLS. */
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { createBuildkitExecutor } from "../../src/executor/buildkit/buildkit-executor.js";
import { Lab } from "../../src/testing/executor/lab.js";
import { buildkitExecutorSuite } from "../support/buildkit-executor-suite.js";
import { haveBuildkitd, startBuildkitd } from "../support/buildkitd.js";
import { tempFolder } from "../support/temp-folder.js";
import { requireTool } from "../support/tools.js";

describe.runIf(haveBuildkitd() && requireTool("busybox"))("the buildkit executor over buildctl", () => {
  describe("by a socket", () => buildkitExecutorSuite(() => startBuildkitd("unix")));

  it.each(["tcp", "tls"] as const)("runs commands of a builder that is reached by %s", async (listen) => {
    await using builder = await startBuildkitd(listen);
    const folder = tempFolder();
    await using executor = createBuildkitExecutor({ stateDir: join(folder, "state"), env: builder.env });
    expect(await executor.probe()).toMatchObject({ usable: true });
    const { stdout } = await new Lab().run(executor, { script: "echo there", network: "none" });
    expect(stdout).toBe("there\n");
  });

  it("says what the client says of a builder that wants a certificate", async () => {
    await using builder = await startBuildkitd("tls");
    const { OCIBUILD_BUILDKIT_TLS_DIR: _, ...env } = builder.env;
    await using executor = createBuildkitExecutor({ stateDir: join(tempFolder(), "state"), env });
    const probed = await executor.probe();
    expect(probed).toMatchObject({ usable: false });
    expect("hint" in probed && probed.hint).toContain("OCIBUILD_BUILDKIT_TLS_DIR");
  });
});
