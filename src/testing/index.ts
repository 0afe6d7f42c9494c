/** The public exports of `ocibuild/testing`: what tests of images and of registry clients need. */
export { type ConformanceCase, executorConformance } from "./executor/executor-conformance.js";
export {
  type FakeChange,
  type FakeCommand,
  type FakeExecutor,
  type FakeExecutorOptions,
  type FakeFiles,
  type FakeOutcome,
  fakeExecutor,
  packChanges,
} from "./fake-executor.js";
export type { AccessMode } from "./registry/access.js";
export { RegistryContent } from "./registry/content.js";
export {
  answerStatus,
  change,
  changeBody,
  changeHeaders,
  delayReply,
  demandAuthorization,
  drip,
  type Fault,
  type FaultAction,
  flipBit,
  lieAboutLength,
  loseReply,
  redirectTo,
  resetAfter,
  resetBefore,
  resetInBody,
  stall,
  stallAfter,
} from "./registry/faults.js";
export type { RecordedRequest } from "./registry/recorded-request.js";
export { startRegistry, type TestRegistry, type TestRegistryOptions } from "./registry/registry.js";
export { errorReply, type Reply, type WholeReply } from "./registry/reply.js";
export * from "./validate-image.js";
