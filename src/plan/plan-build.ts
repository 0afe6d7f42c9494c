/** Dockerfile + options + base image configs → `BuildPlan`. The only I/O is the injected resolver's. */
import { assertValid } from "../dockerfile/assert-valid.js";
import type { Dockerfile } from "../dockerfile/ast.js";
import { formatPlatform, normalizePlatform } from "../oci/platform.js";
import type { ImageResolver } from "../oci/resolver.js";
import type { Image, Platform } from "../oci/types.js";
import type { BuildPlan } from "./build-plan.js";
import { TextBudget } from "./environment.js";
import { mergeTargets } from "./merge-targets.js";
import { indexNamedContexts, type NamedContext } from "./named-contexts.js";
import { planTarget, type TargetPlan } from "./plan-target.js";
import { globalArgs, proxyVariables } from "./platform-args.js";

export interface PlanInput {
  readonly dockerfile: Dockerfile;
  /** In the order asked for. Empty when none was: then the result is for what its base image says. */
  readonly platforms: readonly Platform[];
  /** Where RUN would happen: BUILDPLATFORM. */
  readonly buildPlatform: Platform;
  /** Name of a stage; the last one unless given. */
  readonly target?: string;
  readonly buildArgs: ReadonlyMap<string, string>;
  /** Added to the labels of the result. */
  readonly labels: ReadonlyMap<string, string>;
  /** By name as the user wrote it, `NAME` or `NAME::os/arch`. */
  readonly namedContexts: ReadonlyMap<string, NamedContext>;
  readonly resolver: ImageResolver;
  readonly signal?: AbortSignal;
}

/**
 * Plans the build of all platforms. Nothing of the host's environment enters.
 *
 * @throws DOCKERFILE_INVALID with all that the parser found, PLAN_INVALID, PLAN_UNKNOWN_TARGET, PLAN_UNSUPPORTED,
 *   LIMIT_EXCEEDED, OPTIONS_INVALID, and what the resolver throws
 */
export async function planBuild(input: PlanInput): Promise<BuildPlan> {
  const { dockerfile, signal } = input;
  assertValid(dockerfile);
  const buildPlatform = normalizePlatform(input.buildPlatform);
  const shared = {
    dockerfile,
    buildPlatform,
    implicitPlatform: input.platforms.length === 0,
    target: input.target === "" ? undefined : input.target,
    buildArgs: input.buildArgs,
    labels: input.labels,
    namedContexts: indexNamedContexts(input.namedContexts, buildPlatform),
    proxyEnv: proxyVariables(input.buildArgs),
    budget: new TextBudget(),
    resolveImage: rememberingResolver(input.resolver, signal),
  };
  const platforms = input.platforms.length === 0 ? [buildPlatform] : input.platforms.map(normalizePlatform);
  const targets: TargetPlan[] = [];
  for (const targetPlatform of platforms) {
    signal?.throwIfAborted();
    const scope = globalArgs(dockerfile, { ...shared, targetPlatform });
    targets.push(await planTarget({ ...shared, targetPlatform, globalArgs: scope }));
  }
  return { version: 1, ...mergeTargets(targets), warnings: warningsOf(dockerfile) };
}

function warningsOf({ diagnostics }: Dockerfile): BuildPlan["warnings"] {
  return diagnostics.filter((diagnostic) => diagnostic.severity !== "error");
}

/** Asks once for each reference and platform. */
function rememberingResolver(
  resolver: ImageResolver,
  signal: AbortSignal | undefined,
): (reference: string, platform: Platform) => Promise<Image> {
  const answers = new Map<string, Promise<Image>>();
  return (reference, platform) => {
    const key = `${formatPlatform(platform)} ${reference}`;
    let answer = answers.get(key);
    if (answer === undefined) {
      answer = resolver.resolve(reference, platform, signal === undefined ? {} : { signal });
      answers.set(key, answer);
    }
    return answer;
  };
}
