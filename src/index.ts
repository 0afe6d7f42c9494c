/** The public exports of `ocibuild`. */
import { type Built, runBuild } from "./build.js";
import { type CheckResult, type OutlineResult, runCheck, runOutline, runTargets, type TargetsResult } from "./call.js";
import {
  type ContextOptions,
  type ContextReport,
  type PathReport,
  runContextReport,
  runPathReports,
} from "./context-report.js";
import type { BuildOptions } from "./options.js";
import { type PlanReport, runPlanReport } from "./plan-report.js";

export type { Built } from "./build.js";
export type { CheckResult, Finding, OutlineResult, TargetsResult } from "./call.js";
export type { Compression } from "./compression/compression.js";
export { type ContextSource, dir, type FileSelection, git, http, memory, tar } from "./context/context-source.js";
export type { MemoryFiles } from "./context/memory-tree.js";
export type { ContextOptions, ContextReport, PathReport } from "./context-report.js";
export {
  type Diagnostic,
  type ErrorCode,
  type ErrorDetails,
  isOcibuildError,
  OcibuildError,
  type SourceLocation,
} from "./errors.js";
export type { BuildEvent, FileChange, MissCause, OnEvent, TaskInfo, TaskOutcome } from "./events.js";
export { type CopyOptions, type DefinitionBuildOptions, ImageDefinition, image } from "./image-definition.js";
export type { ImageFilter } from "./images/filter-images.js";
export type { HistoryLine } from "./images/image-history.js";
export type { ImageRecord } from "./images/inspect-image.js";
export type { ImageSummary } from "./images/list-images.js";
export type { ChainId, DiffId, Digest } from "./oci/digest.js";
export type {
  Descriptor,
  ExecutionConfig,
  HistoryEntry,
  Image,
  ImageConfig,
  ImageIndex,
  Layer,
  Manifest,
  Platform,
} from "./oci/types.js";
export { type Images, type ImagesOptions, openImages } from "./open-images.js";
export type { BuildOptions, NamedContextInput } from "./options.js";
export type { ExportResult } from "./output/exporter.js";
export type { OutputSpec } from "./output/parse-output-spec.js";
export {
  dockerArchive,
  dockerEngine,
  type ImageOutputOptions,
  localStore,
  ociArchive,
  ociLayout,
  registry,
  rootfsFolder,
  rootfsTar,
} from "./output/specs.js";
export type { ImageFile } from "./pipeline/image-files.js";
export type { RunOptions } from "./pipeline/run-options.js";
export type { SecretInput } from "./pipeline/secrets.js";
export type { PlanReport, StageReport, StepReport } from "./plan-report.js";
export type { CacheMode, CacheSource, CacheTarget, GhaSpec, S3Spec } from "./shared-cache/cache-spec.js";
export { VERSION } from "./version.js";

/**
 * Builds an image from a Dockerfile.
 *
 * @example
 * const built = await build({ context: ".", tags: ["app:dev"], outputs: [ociArchive("app.tar")] });
 * console.log(built.digest);
 * @throws OcibuildError (match on `code`, see docs/errors.md); the reason of `options.signal` when it is aborted
 */
export async function build(options: BuildOptions): Promise<Built> {
  const { checkOptions } = await import("./options-schema.js");
  checkOptions(options);
  return runBuild(options);
}

/**
 * Checks a Dockerfile by the rules of docs/rules/: all stages, or what `options.target` needs. Images are resolved, nothing
 * is built; where results would go means nothing.
 *
 * @example
 * const { findings } = await check({ context: "." });
 * for (const { rule, message, location } of findings) console.log(`${location.file}:${location.line} ${rule}: ${message}`);
 * @throws OcibuildError when there is no Dockerfile to check; what is wrong with it is in the result's `error`
 */
export async function check(options: BuildOptions): Promise<CheckResult> {
  const { checkOptions } = await import("./options-schema.js");
  checkOptions(options);
  return runCheck(options);
}

/** The build arguments, secrets and SSH agents that the target can be given. @throws what a build throws before its first step */
export async function outline(options: BuildOptions): Promise<OutlineResult> {
  const { checkOptions } = await import("./options-schema.js");
  checkOptions(options);
  return runOutline(options);
}

/** The stages of the Dockerfile, as they can be named by `target`. @throws OcibuildError: CONTEXT_…, DOCKERFILE_… */
export async function targets(options: BuildOptions): Promise<TargetsResult> {
  const { checkOptions } = await import("./options-schema.js");
  checkOptions(options);
  return runTargets(options);
}

/**
 * Plans a build and looks into the cache: which steps are there, which would run, and why. Nothing is made.
 *
 * @example
 * const { stages } = await plan({ context: "." });
 * for (const { title, causes } of stages[0].steps) console.log(title, causes?.map(({ text }) => text));
 * @throws what a build throws before its first step
 */
export async function plan(options: BuildOptions): Promise<PlanReport> {
  const { checkOptions } = await import("./options-schema.js");
  checkOptions(options);
  return runPlanReport(options);
}

/** What the build context holds, and what its ignore file leaves out, by rule. @throws OcibuildError: CONTEXT_…, OPTIONS_… */
export async function inspectContext(options: ContextOptions): Promise<ContextReport> {
  const { checkOptions } = await import("./options-schema.js");
  checkOptions(options);
  return runContextReport(options);
}

/** Why each of `paths` is in the build context or not. @throws OcibuildError: CONTEXT_…, OPTIONS_… */
export async function whyInContext(options: ContextOptions, paths: readonly string[]): Promise<readonly PathReport[]> {
  const { checkOptions } = await import("./options-schema.js");
  checkOptions(options);
  return runPathReports(options, paths);
}
