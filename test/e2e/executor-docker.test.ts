/** The docker executor against the conformance suites, with a Docker daemon that is a process of the test's own. */
import { describe } from "vitest";
import { startDockerd } from "../support/dockerd.js";
import { engineExecutorSuite } from "../support/engine-executor-suite.js";
import { requireRoot } from "../support/ordinary-user.js";
import { requireTool } from "../support/tools.js";

describe.runIf(requireTool("dockerd", "busybox") && requireRoot())("the docker executor over dockerd", () => {
  engineExecutorSuite({ start: startDockerd, corpus: new Map() });
});
