/**
 * A build from top to bottom: context → Dockerfile → plan → layers → images → outputs. Everything that comes from
 * outside (environment, clock, current folder) enters here and is passed down.
 */
import { setMaxListeners } from "node:events";
import { homedir } from "node:os";
import { join, resolve } from "node:path";
import { openStore } from "./cache/store.js";
import { DEFAULT_GZIP_LEVEL } from "./compression/compression.js";
import { parseDockerfile } from "./dockerfile/parse.js";
import { OcibuildError } from "./errors.js";
import type { OnEvent } from "./events.js";
import type { AssembledIndex } from "./oci/assemble-image.js";
import type { Digest } from "./oci/digest.js";
import { hostPlatform, parsePlatform } from "./oci/platform.js";
import type { Descriptor, Image } from "./oci/types.js";
import type { BuildOptions } from "./options.js";
import type { ExportResult } from "./output/exporter.js";
import { reusePolicy } from "./pipeline/cache-policy.js";
import { Contexts } from "./pipeline/contexts.js";
import { execute } from "./pipeline/execute.js";
import { planOutputs } from "./pipeline/exporters.js";
import { healing } from "./pipeline/healing.js";
import { type ImageFile, imageFiles, readImageFile } from "./pipeline/image-files.js";
import { ImageSources } from "./pipeline/image-sources.js";
import { RegistryAccess } from "./pipeline/registry-access.js";
import { timePolicy } from "./pipeline/source-date.js";
import { type BuildPlan, firstRunStep } from "./plan/build-plan.js";
import { planBuild } from "./plan/plan-build.js";
import { locate, type SourceText } from "./util/source-text.js";
import { VERSION } from "./version.js";

/** A finished build. */
export interface Built {
  /** Of the manifest, or of the index of a build for several platforms. */
  readonly digest: Digest;
  readonly descriptor: Descriptor;
  /** One for each platform, in the order asked for. */
  readonly images: readonly Image[];
  readonly index: AssembledIndex | undefined;
  /** What each output wrote, in their order. */
  readonly outputs: readonly ExportResult[];
  /** The nodes of the image's file system (of the first platform's unless given), parents first. */
  files(image?: Image): AsyncIterable<ImageFile>;
  /** The bytes of a file, links followed inside the image. @throws LAYER_COPY when there is none */
  readFile(path: string, image?: Image): Promise<Buffer>;
}

/**
 * Builds as `options` say, which are taken as they are: `build()` checks them first.
 * @throws OcibuildError; the signal's reason when it is aborted
 */
export async function runBuild(options: BuildOptions): Promise<Built> {
  try {
    return await run(options);
  } catch (error) {
    // What breaks because of the abort is not what the caller wants to hear of.
    options.signal?.throwIfAborted();
    throw error;
  }
}

async function run(options: BuildOptions): Promise<Built> {
  const startedMs = Date.now();
  const cwd = options.cwd ?? process.cwd();
  const onEvent: OnEvent = options.onEvent ?? (() => {});
  const signal = AbortSignal.any(options.signal === undefined ? [] : [options.signal]);
  // Every request and every step listens for the end of the build.
  setMaxListeners(0, signal);
  signal.throwIfAborted();

  const root = resolve(cwd, options.root ?? process.env["OCIBUILD_ROOT"] ?? defaultRoot());
  const store = await openStore(root, { onWarning: (message) => onEvent({ type: "warning", message }) });
  await using registries = new RegistryAccess({
    mirrors: options.registryMirrors ?? [],
    insecure: options.insecureRegistries ?? [],
    dockerConfigFile: join(resolve(cwd, options.dockerConfigDir ?? defaultDockerConfig()), "config.json"),
    userAgent: `ocibuild/${VERSION}`,
  });
  const outputs = planOutputs({
    outputs: options.outputs ?? [],
    tags: options.tags ?? [],
    push: options.push ?? false,
    compression: options.compression ?? { kind: "gzip", level: DEFAULT_GZIP_LEVEL },
    annotations: options.annotations ?? {},
    cwd,
    stdout: options.stdout ?? process.stdout,
    store,
    client: registries.client,
  });

  await using contexts = new Contexts({ store, cwd, stdin: () => options.stdin ?? process.stdin, startedMs, signal });
  const { context, file, dockerfile } = options;
  const main = await contexts.openMain({ context, file, dockerfile });
  const ast = parseDockerfile({ name: main.dockerfile.name, text: main.dockerfile.text });
  const nowMs = (): number => Date.now() - startedMs;
  const { client, hosts } = registries;
  const sources = new ImageSources({ store, client, hosts, pull: options.pull ?? false, onEvent, nowMs });
  const plan = await planBuild({
    dockerfile: ast,
    platforms: (options.platforms ?? []).map((platform) => parsePlatform(platform)),
    buildPlatform: hostPlatform(),
    ...(options.target === undefined ? {} : { target: options.target }),
    buildArgs: new Map(Object.entries(options.buildArgs ?? {})),
    labels: new Map(Object.entries(options.labels ?? {})),
    namedContexts: new Map(
      Object.entries(options.buildContexts ?? {}).map(([name, value]) => [name, contexts.addNamed(name, value)]),
    ),
    resolver: sources,
    signal,
  });
  for (const diagnostic of plan.warnings) {
    const { message, span } = diagnostic;
    onEvent({ type: "warning", message, diagnostic, location: locate(ast.source, span) });
  }
  refuseUnsupported(plan, ast.source);

  const times = timePolicy({
    reproducible: options.reproducible ?? false,
    epochSeconds: options.sourceDateEpoch ?? epochArgument(options.buildArgs?.["SOURCE_DATE_EPOCH"]),
    clampFiles: outputs.some(({ spec }) => "image" in spec && spec.image.rewriteTimestamp === true),
    contextRoot: main.root,
    nowSeconds: Math.floor(startedMs / 1000),
  });
  const mayReuse = reusePolicy(options.noCache);
  const work = { store, plan, source: ast.source, contexts, mainTree: main.tree, sources, outputs, times, mayReuse };
  let isBuilt = false;
  const onBuilt = (): void => {
    isBuilt = true;
  };
  const {
    images,
    index,
    outputs: written,
  } = await healing(
    store,
    () => execute({ ...work, onEvent, nowMs, signal, onBuilt }),
    // What went to standard output cannot be taken back.
    () => !isBuilt || !outputs.some(({ spec }) => "dest" in spec && spec.dest === "-"),
  );
  const { descriptor } = index ?? images[0]!;
  return {
    digest: descriptor.digest,
    descriptor,
    images,
    index,
    outputs: written,
    files: (image = images[0]!) => imageFiles(root, sources, image),
    readFile: (path, image = images[0]!) => readImageFile(root, sources, image, path),
  };
}

/** Said before any work starts: what of the plan cannot be done here. @throws EXECUTOR_NONE, PLAN_UNSUPPORTED */
function refuseUnsupported(plan: BuildPlan, source: SourceText): void {
  for (const step of plan.stages.flatMap((stage) => stage.steps)) {
    if (step.kind !== "copy" || !step.sources.some(({ kind }) => kind === "git")) continue;
    throw new OcibuildError("PLAN_UNSUPPORTED", `"${step.createdBy}": ADD from a git repository is not supported yet`, {
      details: { feature: "ADD git" },
      location: locate(source, step.span),
      hint: "clone the repository into the build context and COPY it",
    });
  }
  const first = firstRunStep(plan);
  if (first === undefined) return;
  const location = locate(source, first.step.span);
  throw new OcibuildError("EXECUTOR_NONE", `"${first.step.createdBy}" cannot be run: this version has no executor`, {
    details: { line: location.line },
    location,
    hint: "build what RUN makes outside of the image and COPY it in, or start from an image that has it",
  });
}

/** @throws OPTIONS_INVALID */
function epochArgument(text: string | undefined): number | undefined {
  if (text === undefined || text === "") return undefined;
  if (/^-?[0-9]{1,13}$/.test(text)) return Number(text);
  throw new OcibuildError("OPTIONS_INVALID", `SOURCE_DATE_EPOCH expected whole seconds since 1970 but got "${text}"`, {
    details: { option: "SOURCE_DATE_EPOCH" },
  });
}

function defaultRoot(): string {
  return join(process.env["XDG_DATA_HOME"] || join(homedir(), ".local", "share"), "ocibuild");
}

function defaultDockerConfig(): string {
  return process.env["DOCKER_CONFIG"] || join(homedir(), ".docker");
}
