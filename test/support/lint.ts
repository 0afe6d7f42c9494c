/** Findings of small Dockerfiles, short enough to compare. */
import { parseDockerfile } from "../../src/dockerfile/parse.js";
import { OcibuildError } from "../../src/errors.js";
import type { Image } from "../../src/oci/types.js";
import { lintDockerfile } from "../../src/plan/lint-dockerfile.js";
import type { NamedContext } from "../../src/plan/named-contexts.js";
import type { TargetInput } from "../../src/plan/open-target.js";
import { matcherForPatterns } from "../../src/tree/ignore-matcher.js";
import { linesOf } from "../../src/util/source-text.js";
import { BUSYBOX } from "./plan.js";

export interface LintOptions {
  readonly target?: string;
  readonly buildArgs?: Readonly<Record<string, string>>;
  readonly contexts?: Readonly<Record<string, NamedContext>>;
  /** Beside `busybox`. */
  readonly images?: Readonly<Record<string, Image>>;
  /** Patterns of the ignore file. */
  readonly ignore?: readonly string[];
}

/** What planning and checking `text` on linux/amd64 takes. */
export function targetInput(text: string, options: LintOptions = {}): TargetInput {
  const images = new Map(Object.entries({ busybox: BUSYBOX, ...options.images }));
  return {
    dockerfile: parseDockerfile({ name: "Dockerfile", text }),
    buildPlatform: { os: "linux", architecture: "amd64" },
    buildArgs: new Map(Object.entries(options.buildArgs ?? {})),
    namedContexts: new Map(Object.entries(options.contexts ?? {})),
    resolver: {
      async resolve(reference) {
        const image = images.get(reference);
        if (image !== undefined) return image;
        throw new OcibuildError("IMAGE_NOT_FOUND", `image "${reference}" was not found`, { details: { reference } });
      },
    },
    ...(options.target === undefined ? {} : { target: options.target }),
    ...(options.ignore === undefined ? {} : { ignore: matcherForPatterns(options.ignore) }),
  };
}

/** `line Rule` or `first-last Rule` of each finding, in the order in which they are found; the error as `error: message`. */
export async function rulesIn(text: string, options: LintOptions = {}): Promise<string[]> {
  const input = targetInput(text, options);
  const { findings, error } = await lintDockerfile(input);
  const shown = findings.map(({ code, span }) => {
    const { first, last } = linesOf(input.dockerfile.source, span);
    return `${first === last ? first : `${first}-${last}`} ${code}`;
  });
  return error === undefined ? shown : [...shown, `error: ${error.message}`];
}

/** The messages of the findings. */
export async function messagesOf(text: string, options: LintOptions = {}): Promise<string[]> {
  return (await lintDockerfile(targetInput(text, options))).findings.map(({ message }) => message);
}
