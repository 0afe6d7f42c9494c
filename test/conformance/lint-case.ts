/** Checks a case with the plan alone: no file is written, no image is built. */
import { parseIgnoreFile } from "../../src/context/dockerignore.js";
import { parseDockerfile } from "../../src/dockerfile/parse.js";
import { type Diagnostic, isOcibuildError, OcibuildError } from "../../src/errors.js";
import { parsePlatform } from "../../src/oci/platform.js";
import { formatReference, parseReference } from "../../src/oci/reference.js";
import type { Image } from "../../src/oci/types.js";
import type { PlannedConfig } from "../../src/plan/build-plan.js";
import { lintDockerfile } from "../../src/plan/lint-dockerfile.js";
import type { NamedContext } from "../../src/plan/named-contexts.js";
import type { TargetInput } from "../../src/plan/open-target.js";
import { planBuild } from "../../src/plan/plan-build.js";
import { linesOf } from "../../src/util/source-text.js";
import { baseImage } from "../support/plan.js";
import { caseBytes } from "./bytes.js";
import { type CaseContext, type CaseEntry, type ConformanceCase, loadBaseImage } from "./cases.js";

/** A finding as the corpus has it. */
export interface LintFinding {
  readonly rule: string;
  readonly lines: readonly number[];
  readonly message: string;
}

/** A warning of a build: only its first line is known. */
export interface BuildWarning {
  readonly rule: string;
  readonly line: number;
  readonly message: string;
}

export interface LintAnswer {
  /** What `--check` finds, sorted. */
  readonly lint: readonly LintFinding[];
  /** What a build warns of, sorted. */
  readonly buildWarnings: readonly BuildWarning[];
}

const PLATFORM = parsePlatform("linux/amd64");
const { config: busyboxConfig } = loadBaseImage();
const BUSYBOX = baseImage(busyboxConfig);

/** What our checks say of the case: nothing when there is no context or no platform to check for. */
export async function lintCase(conformanceCase: ConformanceCase): Promise<LintAnswer> {
  try {
    return await answerFor(conformanceCase);
  } catch (error) {
    if (!isOcibuildError(error, "CONTEXT_IGNORE_INVALID") && !isOcibuildError(error, "PLATFORM_INVALID")) throw error;
    return { lint: [], buildWarnings: [] };
  }
}

async function answerFor(conformanceCase: ConformanceCase): Promise<LintAnswer> {
  const input = await inputOf(conformanceCase);
  const { source } = input.dockerfile;
  const findings = (await lintDockerfile(input)).findings.map(({ code, message, span }) => {
    const { first, last } = linesOf(source, span);
    return { rule: code, lines: Array.from({ length: last - first + 1 }, (_, at) => first + at), message };
  });
  const warnings: Diagnostic[] = [];
  const { platform } = conformanceCase.options;
  const platforms = platform === undefined ? [] : platform.split(",").map((each) => parsePlatform(each));
  try {
    await planBuild({ ...input, platforms, labels: new Map(), onWarning: (warning) => warnings.push(warning) });
  } catch (error) {
    if (!isOcibuildError(error)) throw error;
  }
  return {
    lint: sorted(findings, ({ lines }) => lines[0]!),
    buildWarnings: sorted(
      warnings
        // Others are our own.
        .filter(({ code }) => /^[A-Z]/.test(code))
        .map(({ code, message, span }) => ({ rule: code, line: linesOf(source, span).first, message })),
      ({ line }) => line,
    ),
  };
}

/** What BuildKit says of it. */
export function expectedOf({ expected }: ConformanceCase): LintAnswer {
  const { lint, buildWarnings } = expected as unknown as Partial<LintAnswer>;
  const findings = lint ?? [];
  return {
    lint: findings,
    buildWarnings: buildWarnings ?? findings.map(({ rule, lines, message }) => ({ rule, line: lines[0]!, message })),
  };
}

function sorted<T extends { rule: string; message: string }>(
  findings: readonly T[],
  line: (finding: T) => number,
): T[] {
  return findings.toSorted((a, b) => line(a) - line(b) || compare(a.rule, b.rule) || compare(a.message, b.message));
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

async function inputOf({ dockerfile, context, options }: ConformanceCase): Promise<TargetInput> {
  const images = new Map<string, Image>([["docker.io/library/busybox:latest", BUSYBOX]]);
  const namedContexts = new Map<string, NamedContext>();
  for (const [name, value] of Object.entries(options.buildContexts ?? {})) {
    namedContexts.set(name, await namedContext(name, value, images));
  }
  const ignore = ignoreFileOf(context, options);
  return {
    dockerfile: parse(dockerfile ?? Buffer.alloc(0)),
    buildPlatform: PLATFORM,
    buildArgs: new Map(Object.entries(options.buildArgs ?? {}).map(([name, value]) => [name, filled(value)])),
    namedContexts,
    resolver: {
      async resolve(reference) {
        const image = images.get(formatReference(parseReference(reference)));
        if (image !== undefined) return image;
        throw new OcibuildError("IMAGE_NOT_FOUND", `${reference} was not found`, { details: { reference } });
      },
    },
    ...(options.target === undefined ? {} : { target: options.target }),
    ...(ignore === undefined ? {} : { ignore: parseIgnoreFile(ignore, ".dockerignore") }),
  };
}

async function namedContext(name: string, value: CaseContext, images: Map<string, Image>): Promise<NamedContext> {
  if ("ref" in value) return { kind: "image", reference: value.ref };
  if (!("image" in value)) return { kind: "files" };
  const reference = `built.example/${name.toLowerCase().replace(/[^a-z0-9]+/g, "-")}:1`;
  const input = await inputOf({
    dockerfile: Buffer.from(value.image.dockerfile),
    context: [],
    options: {},
  } as unknown as ConformanceCase);
  const { stages, targets } = await planBuild({ ...input, platforms: [], labels: new Map() });
  const { config, ...rest }: PlannedConfig = stages.find(({ id }) => id === targets[0]!.stage)!.config;
  images.set(reference, baseImage(config, rest));
  return { kind: "image", reference };
}

function parse(bytes: Buffer): TargetInput["dockerfile"] {
  return parseDockerfile({ name: "Dockerfile", text: filled(bytes.toString("utf8")) });
}

function filled(text: string): string {
  return text.replaceAll("{{http}}", "http://127.0.0.1:1").replaceAll("{{http-host}}", "127.0.0.1:1");
}

function ignoreFileOf(context: readonly CaseEntry[], options: ConformanceCase["options"]): Buffer | undefined {
  const beside = options.dockerfileOutside === true ? (options.dockerfileEntries ?? []) : context;
  const own = `${options.dockerfileName ?? "Dockerfile"}.dockerignore`;
  const entry = beside.find(({ path }) => path === own) ?? context.find(({ path }) => path === ".dockerignore");
  return entry?.type === "file" ? caseBytes(entry) : undefined;
}
