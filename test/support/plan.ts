/** Plans of small Dockerfiles, with base images that are only a config. */
import { parseDockerfile } from "../../src/dockerfile/parse.js";
import { isOcibuildError, OcibuildError } from "../../src/errors.js";
import { type DiffId, digestOf } from "../../src/oci/digest.js";
import { parsePlatform } from "../../src/oci/platform.js";
import type { ImageResolver } from "../../src/oci/resolver.js";
import type { ExecutionConfig, Image, ImageConfig } from "../../src/oci/types.js";
import type { BuildPlan, CopyStep, PlannedStage, RunStep, Step, WorkdirStep } from "../../src/plan/build-plan.js";
import type { NamedContext } from "../../src/plan/named-contexts.js";
import { planBuild } from "../../src/plan/plan-build.js";

const DIFF_ID = digestOf("layer") as string as DiffId;

/** An image of one layer whose config has `config`. */
export function baseImage(config: ExecutionConfig, more: Partial<ImageConfig> = {}): Image {
  const whole: ImageConfig = {
    os: "linux",
    architecture: "amd64",
    config,
    rootfs: { type: "layers", diff_ids: [DIFF_ID] },
    ...more,
  };
  const configBytes = Buffer.from(JSON.stringify(whole));
  const descriptor = {
    mediaType: "application/vnd.oci.image.manifest.v1+json",
    digest: digestOf(configBytes),
    size: 1,
  };
  const manifest = {
    schemaVersion: 2 as const,
    config: {
      mediaType: "application/vnd.oci.image.config.v1+json",
      digest: digestOf(configBytes),
      size: configBytes.length,
    },
    layers: [],
  };
  return { descriptor, manifest, manifestBytes: Buffer.from("{}"), config: whole, configBytes, layers: [] };
}

export const BUSYBOX: Image = baseImage({
  Env: ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"],
  Cmd: ["sh"],
});

export interface PlanOptions {
  /** As on the command line; none unless given. */
  readonly platforms?: readonly string[];
  readonly target?: string;
  readonly buildArgs?: Readonly<Record<string, string>> | ReadonlyMap<string, string>;
  readonly labels?: Readonly<Record<string, string>> | ReadonlyMap<string, string>;
  readonly contexts?: Readonly<Record<string, NamedContext>>;
  /** Beside `busybox`. */
  readonly images?: Readonly<Record<string, Image>>;
  readonly onResolve?: (reference: string, platform: string) => void;
  readonly signal?: AbortSignal;
}

/** The plan of `text` on linux/amd64. */
export function plan(text: string, options: PlanOptions = {}): Promise<BuildPlan> {
  const buildPlatform = { os: "linux", architecture: "amd64" };
  const images = new Map(Object.entries({ busybox: BUSYBOX, ...options.images }));
  const resolver: ImageResolver = {
    async resolve(reference, platform) {
      options.onResolve?.(reference, `${platform.os}/${platform.architecture}`);
      const image = images.get(reference);
      if (image !== undefined) return image;
      throw new OcibuildError("IMAGE_NOT_FOUND", `image "${reference}" was not found`, { details: { reference } });
    },
  };
  return planBuild({
    dockerfile: parseDockerfile({ name: "Dockerfile", text }),
    platforms: (options.platforms ?? []).map((platform) => parsePlatform(platform, buildPlatform)),
    buildPlatform,
    buildArgs: toMap(options.buildArgs),
    labels: toMap(options.labels),
    namedContexts: new Map(Object.entries(options.contexts ?? {})),
    resolver,
    ...(options.target === undefined ? {} : { target: options.target }),
    ...(options.signal === undefined ? {} : { signal: options.signal }),
  });
}

/** The stage of the first target. */
export async function planStage(text: string, options: PlanOptions = {}): Promise<PlannedStage> {
  const { stages, targets } = await plan(text, options);
  return stages.find((stage) => stage.id === targets[0]!.stage)!;
}

/** The last step of the first target. */
export async function lastStep<K extends Step["kind"] = Step["kind"]>(
  text: string,
  kind: K,
  options: PlanOptions = {},
): Promise<{ copy: CopyStep; run: RunStep; workdir: WorkdirStep; config: Step }[K]> {
  const step = (await planStage(text, options)).steps.at(-1);
  if (step?.kind !== kind) throw new Error(`the last step is a ${step?.kind} step`);
  return step as never;
}

/** History lines of the first target's own steps. */
export async function historyOf(text: string, options: PlanOptions = {}): Promise<string[]> {
  return (await planStage(text, options)).steps.map((step) => step.createdBy);
}

/** The error that planning `text` ends with. */
export async function problemOf(text: string, options: PlanOptions = {}): Promise<OcibuildError> {
  try {
    await plan(text, options);
  } catch (error) {
    if (isOcibuildError(error)) return error;
    throw error;
  }
  throw new Error("the plan was made");
}

function toMap(
  entries: Readonly<Record<string, string>> | ReadonlyMap<string, string> = {},
): ReadonlyMap<string, string> {
  return entries instanceof Map ? entries : new Map(Object.entries(entries));
}
