/** What is given to a plan → what planning one target knows. */
import type { Dockerfile } from "../dockerfile/ast.js";
import type { Linter } from "../dockerfile/lint/linter.js";
import { isOcibuildError } from "../errors.js";
import { formatPlatform, normalizePlatform } from "../oci/platform.js";
import type { ImageResolver } from "../oci/resolver.js";
import type { Image, Platform } from "../oci/types.js";
import type { IgnoreMatcher } from "../tree/ignore-matcher.js";
import { type Environment, TextBudget } from "./environment.js";
import { lintDefaultBases } from "./lint/lint-from.js";
import { Suggester } from "./lint/suggester.js";
import { indexNamedContexts, type NamedContext } from "./named-contexts.js";
import { defaultScope, type GlobalScopeOptions, globalScope, proxyVariables } from "./platform-args.js";
import type { TargetContext } from "./target-context.js";

export interface TargetInput {
  readonly dockerfile: Dockerfile;
  /** Where RUN would happen: BUILDPLATFORM. */
  readonly buildPlatform: Platform;
  /** Name of a stage; the last one unless given. */
  readonly target?: string;
  readonly buildArgs: ReadonlyMap<string, string>;
  /** By name as the user wrote it, `NAME` or `NAME::os/arch`. */
  readonly namedContexts: ReadonlyMap<string, NamedContext>;
  readonly resolver: ImageResolver;
  /** The ignore file of the build context, which one of the checks asks. */
  readonly ignore?: IgnoreMatcher;
  readonly signal?: AbortSignal;
}

/** What all targets of a plan share. */
export type SharedContext = Omit<TargetContext, "targetPlatform" | "globalArgs" | "declaredArgs" | "lint">;

/** @throws OPTIONS_INVALID */
export function sharedContext(
  input: TargetInput,
  kind: Pick<SharedContext, "labels" | "implicitPlatform" | "allStages">,
): SharedContext {
  const { dockerfile, target, buildArgs, ignore, resolver, signal } = input;
  const buildPlatform = normalizePlatform(input.buildPlatform);
  return {
    ...kind,
    dockerfile,
    buildPlatform,
    target: target === "" ? undefined : target,
    buildArgs,
    namedContexts: indexNamedContexts(input.namedContexts, buildPlatform),
    proxyEnv: proxyVariables(buildArgs),
    budget: new TextBudget(),
    ignore,
    suggester: new Suggester(),
    resolveImage: rememberingResolver(resolver, signal),
  };
}

/** @throws PLAN_INVALID, LIMIT_EXCEEDED */
export function openTarget(shared: SharedContext, targetPlatform: Platform, lint: Linter): TargetContext {
  const { dockerfile } = shared;
  const options = { ...shared, targetPlatform };
  const defaults = defaultArgs(dockerfile, options);
  if (defaults !== undefined) lintDefaultBases(dockerfile, defaults, lint);
  const { args, declared } = globalScope(dockerfile, options);
  return { ...options, globalArgs: args, declaredArgs: declared, lint };
}

/** The ARGs before the first FROM without `--build-arg`; `undefined` when they cannot be expanded. */
function defaultArgs(dockerfile: Dockerfile, options: GlobalScopeOptions): Environment | undefined {
  try {
    return defaultScope(dockerfile, options).args;
  } catch (error) {
    if (isOcibuildError(error)) return undefined;
    throw error;
  }
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
