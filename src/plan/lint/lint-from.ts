/** Checks of FROM: its build arguments, its platform, and what the defaults make of it. */
import type { Dockerfile, Stage, Word } from "../../dockerfile/ast.js";
import { expandWord } from "../../dockerfile/expand.js";
import type { Linter } from "../../dockerfile/lint/linter.js";
import { isOcibuildError } from "../../errors.js";
import { formatPlatform, normalizePlatform, parsePlatform } from "../../oci/platform.js";
import { parseReference } from "../../oci/reference.js";
import type { Image, Platform } from "../../oci/types.js";
import type { Environment } from "../environment.js";
import type { StageDraft } from "../stage-draft.js";
import type { TargetContext } from "../target-context.js";
import type { WatchedVariables } from "../watched-variables.js";

/** InvalidDefaultArgInFrom, for all stages. @param defaults the global scope of a build that is given no arguments */
export function lintDefaultBases(dockerfile: Dockerfile, defaults: Environment, lint: Linter): void {
  const options = { escape: dockerfile.escape };
  for (const { from } of dockerfile.stages) {
    let name: string;
    try {
      name = expandWord(from.image.value, defaults, options).value;
    } catch {
      // Planning will come to the same problem and tell it.
      return;
    }
    if (!isReference(name)) lint.report("InvalidDefaultArgInFrom", from.span, from.image.value);
  }
}

function isReference(name: string): boolean {
  try {
    parseReference(name);
    return true;
  } catch (error) {
    if (isOcibuildError(error, "REFERENCE_INVALID")) return false;
    throw error;
  }
}

/** UndefinedArgInFrom: what a word of FROM uses and nobody declares. */
export function lintArgsOfFrom(
  { from }: Stage,
  { unmatched }: WatchedVariables,
  { globalArgs, declaredArgs, suggester }: TargetContext,
  lint: Linter,
): void {
  function* known(): Generator<string> {
    yield* declaredArgs.keys();
    yield* globalArgs.names();
  }
  for (const name of unmatched) {
    if (!lint.wants("UndefinedArgInFrom")) return;
    if (declaredArgs.has(name)) continue;
    lint.report("UndefinedArgInFrom", from.span, name, suggester.nearest(name, known()) ?? "");
  }
}

/** RedundantTargetPlatform and FromPlatformFlagConstDisallowed. @param value `word` expanded */
export function lintPlatformOfFrom(
  { from, name }: Stage,
  word: Word,
  value: string,
  { matched, unmatched }: WatchedVariables,
  { globalArgs, buildPlatform }: TargetContext,
  lint: Linter,
): void {
  const isTarget = matched.has("TARGETPLATFORM") && value === globalArgs.get("TARGETPLATFORM");
  if (isTarget && matched.size === 1 && unmatched.size === 0) {
    lint.report("RedundantTargetPlatform", from.span, word.value);
  }
  if (matched.size > 0 || unmatched.size > 0) return;
  let platform: Platform;
  try {
    platform = parsePlatform(value, buildPlatform);
  } catch {
    return;
  }
  // A stage that is named after its platform says that it is meant so.
  if (name?.includes(platform.os) === true || name?.includes(platform.architecture) === true) return;
  lint.report("FromPlatformFlagConstDisallowed", from.span, value);
}

/**
 * InvalidBaseImagePlatform: of a base image that was asked for `wanted`.
 * @param isChosen true when the platform was not named anywhere, so that the build goes on with the image's
 */
export function lintBasePlatform(
  { baseName, where }: StageDraft,
  { config }: Image,
  wanted: Platform,
  isChosen: boolean,
  { buildPlatform, lint }: TargetContext,
): void {
  // An image without layers is as good as scratch.
  if (config.rootfs.diff_ids.length === 0 && !config.history?.some((entry) => entry.empty_layer !== true)) return;
  const suits = (platform: Platform): boolean =>
    platform.os === config.os && platform.architecture === config.architecture;
  if (suits(wanted) || (isChosen && suits(buildPlatform))) return;
  const { os, architecture, variant } = config;
  const actual = formatPlatform(normalizePlatform({ os, architecture, ...(variant === undefined ? {} : { variant }) }));
  lint.report("InvalidBaseImagePlatform", where.span, baseName, formatPlatform(normalizePlatform(wanted)), actual);
}
