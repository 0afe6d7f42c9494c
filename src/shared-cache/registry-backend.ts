/** Shared caches in registries: loaded when one is named, with the registry client. */
export { openRegistryCache } from "./registry-reader.js";
export { registryCacheWriter } from "./registry-writer.js";
