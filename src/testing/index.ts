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
export { RegistryContent } from "./registry/content.js";
export type { Fault } from "./registry/faults.js";
export { startRegistry, type TestRegistry, type TestRegistryOptions } from "./registry/registry.js";
export * from "./validate-image.js";
