/** The public exports of `ocibuild/testing`: what tests of images and of registry clients need. */
export { RegistryContent } from "./registry/content.js";
export type { Fault } from "./registry/faults.js";
export { startRegistry, type TestRegistry, type TestRegistryOptions } from "./registry/registry.js";
export * from "./validate-image.js";
