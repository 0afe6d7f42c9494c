/** The buildkit executor over docker buildx, with a Docker daemon of the test's own that is BuildKit. */
import { describe } from "vitest";
import { buildkitExecutorSuite } from "../support/buildkit-executor-suite.js";
import { findBuildx } from "../support/buildx.js";
import { startDockerd } from "../support/dockerd.js";
import { requireTool } from "../support/tools.js";

const programs = findBuildx();

describe.runIf(programs !== undefined && requireTool("busybox"))("the buildkit executor over docker buildx", () => {
  buildkitExecutorSuite(() => startDockerd({ containerdStore: true, programs: programs! }));
});
