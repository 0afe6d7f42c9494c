/** What planning one target knows; the same objects serve all targets where they do not depend on the platform. */
import type { Dockerfile } from "../dockerfile/ast.js";
import type { Linter } from "../dockerfile/lint/linter.js";
import type { Image, Platform } from "../oci/types.js";
import type { IgnoreMatcher } from "../tree/ignore-matcher.js";
import type { Environment, TextBudget } from "./environment.js";
import type { Suggester } from "./lint/suggester.js";
import type { NamedContextIndex } from "./named-contexts.js";
import type { ArgFacts } from "./outline-record.js";

export interface TargetContext {
  readonly dockerfile: Dockerfile;
  readonly buildPlatform: Platform;
  readonly targetPlatform: Platform;
  /** True when no platform was asked for: the result is for what its base image says. */
  readonly implicitPlatform: boolean;
  /** The stage that was asked for; `undefined` for the last. */
  readonly target: string | undefined;
  readonly buildArgs: ReadonlyMap<string, string>;
  readonly globalArgs: Environment;
  /** The ARGs before the first FROM. */
  readonly declaredArgs: ReadonlyMap<string, ArgFacts>;
  readonly labels: ReadonlyMap<string, string>;
  readonly namedContexts: NamedContextIndex;
  readonly proxyEnv: readonly string[];
  readonly budget: TextBudget;
  /** Resolves each reference once for each platform. */
  readonly resolveImage: (reference: string, platform: Platform) => Promise<Image>;
  readonly lint: Linter;
  readonly suggester: Suggester;
  /** What the ignore file of the build context says, for the checks; `undefined` when there is none. */
  readonly ignore: IgnoreMatcher | undefined;
  /** Plan what the target does not need, too: the checks want to see it. */
  readonly allStages: boolean;
}
