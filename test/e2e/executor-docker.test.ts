/** The docker executor against the conformance suites, with Docker daemons that are processes of the test's own. */
import { describe } from "vitest";
import { findBuildx } from "../support/buildx.js";
import { startDockerd } from "../support/dockerd.js";
import { engineExecutorSuite } from "../support/engine-executor-suite.js";
import { requireRoot } from "../support/ordinary-user.js";
import { requireTool } from "../support/tools.js";

describe.runIf(requireTool("dockerd", "busybox") && requireRoot())("the docker executor over dockerd", () => {
  engineExecutorSuite({ start: startDockerd, corpus: new Map() });
});

const programs = findBuildx();

describe.runIf(programs !== undefined && requireTool("busybox"))("the docker executor over containerd's store", () => {
  engineExecutorSuite({ start: () => startDockerd({ containerdStore: true, programs: programs! }) });
});
