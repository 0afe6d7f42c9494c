import { describeOverlayExecutor } from "../support/overlay-executor-suite.js";

describeOverlayExecutor("runc", "runc");
