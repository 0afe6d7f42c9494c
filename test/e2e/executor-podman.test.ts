/** The docker executor against the conformance suites, with a service of Podman that is a process of the test's own. */
import { readFileSync } from "node:fs";
import { describe } from "vitest";
import { PODMAN_EXCEPTIONS } from "../conformance/run-exceptions.js";
import { engineExecutorSuite } from "../support/engine-executor-suite.js";
import { requireRoot } from "../support/ordinary-user.js";
import { makePodman } from "../support/podman.js";
import { requireTool } from "../support/tools.js";

describe.runIf(requireTool("podman", "busybox") && requireRoot())("the docker executor over podman", () => {
  engineExecutorSuite({
    async start() {
      const podman = makePodman();
      return { socket: await podman.serve(), stop: podman.stop };
    },
    // Podman asks for more processes than a machine that lets nobody raise limits allows.
    leftOut: mayRaiseLimits() ? [] : ["limits are as asked for"],
    // It gives out the whole image after each command: minutes.
    ...(process.env["OCIBUILD_LONG"] === "1" ? { corpus: PODMAN_EXCEPTIONS } : {}),
  });
});

function mayRaiseLimits(): boolean {
  const [, hard] = /^Max processes\s+\S+\s+(\S+)/m.exec(readFileSync("/proc/self/limits", "latin1")) ?? [];
  return hard === "unlimited" || Number(hard) >= 1_048_576;
}
