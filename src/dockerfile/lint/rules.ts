/**
 * The catalogue of build checks: BuildKit's rules under BuildKit's names, with its messages. Code reports by these names,
 * and `docs/rules/` is made from this list and from `rule-docs.ts` (`node scripts/rule-docs.mjs`).
 */
import { goQuote } from "../../util/go-format.js";

/** What each rule's message names, in order. A suggestion is empty when nothing is near. */
interface RuleArguments {
  readonly ConsistentInstructionCasing: readonly [keyword: string, casing: "lowercase" | "uppercase"];
  readonly CopyIgnoredFile: readonly [instruction: "Copy" | "Add", path: string];
  readonly DuplicateStageName: readonly [stage: string];
  readonly ExposeInvalidFormat: readonly [port: string];
  readonly ExposeProtoCasing: readonly [port: string];
  readonly FromAsCasing: readonly [from: string, as: string];
  readonly FromPlatformFlagConstDisallowed: readonly [platform: string];
  readonly InvalidBaseImagePlatform: readonly [image: string, expected: string, actual: string];
  readonly InvalidDefaultArgInFrom: readonly [image: string];
  readonly InvalidDefinitionDescription: readonly [instruction: "ARG" | "FROM", name: string];
  readonly JSONArgsRecommended: readonly [keyword: string];
  readonly LegacyKeyValueFormat: readonly [keyword: string];
  readonly MaintainerDeprecated: readonly [];
  readonly MultipleInstructionsDisallowed: readonly [keyword: string];
  readonly NoEmptyContinuation: readonly [];
  readonly RedundantTargetPlatform: readonly [platform: string];
  readonly ReservedStageName: readonly [stage: string];
  readonly SecretsUsedInArgOrEnv: readonly [instruction: "ARG" | "ENV", name: string];
  readonly StageNameCasing: readonly [stage: string];
  readonly UndefinedArgInFrom: readonly [name: string, suggestion: string];
  readonly UndefinedVar: readonly [name: string, suggestion: string];
  readonly WorkdirRelativePath: readonly [path: string];
}

export type RuleName = keyof RuleArguments;

/** What `Linter.report` needs to know for the message of `R`. */
export type ArgumentsOf<R extends RuleName> = RuleArguments[R];

export interface Rule<A extends readonly string[] = readonly never[]> {
  /** The name in lower case with dashes: its page is `docs/rules/<slug>.md`. */
  readonly slug: string;
  /** What it demands, in one sentence. */
  readonly description: string;
  /** What to do about a finding. */
  readonly hint: string;
  /** Off unless `experimental=` asks for it. */
  readonly isExperimental: boolean;
  /** What Docker says about the rule; one rule has no page there. */
  readonly url: string | undefined;
  readonly message: (...args: A) => string;
}

interface RuleText<A extends readonly string[]> {
  readonly description: string;
  readonly hint: string;
  readonly message: (...args: A) => string;
  readonly isExperimental?: true;
  readonly hasNoUrl?: true;
}

const TEXTS: { readonly [R in RuleName]: RuleText<RuleArguments[R]> } = {
  ConsistentInstructionCasing: {
    description: "All instructions of a Dockerfile are written in the same case",
    hint: "write all keywords in upper case, or all in lower case",
    message: (keyword, casing) => `Command '${keyword}' should match the case of the command majority (${casing})`,
  },
  CopyIgnoredFile: {
    description: "COPY and ADD do not name files that the ignore file keeps out of the build context",
    hint: "take the file out of the ignore file, or the source out of the instruction",
    message: (instruction, path) =>
      `Attempting to ${instruction} file ${goQuote(path)} that is excluded by .dockerignore`,
    isExperimental: true,
  },
  DuplicateStageName: {
    description: "No two stages have the same name",
    hint: "rename one of the stages: the later one hides the earlier",
    message: (stage) => `Duplicate stage name ${goQuote(stage)}, stage names should be unique`,
  },
  ExposeInvalidFormat: {
    description: "EXPOSE names ports of the container only, no address and no port of the host",
    hint: "write the port of the container alone; ports are published when the container is run",
    message: (port) => `EXPOSE instruction should not define an IP address or host-port mapping, found '${port}'`,
  },
  ExposeProtoCasing: {
    description: "The protocol of a port in EXPOSE is written in lower case",
    hint: "write tcp, udp or sctp",
    message: (port) => `Defined protocol '${port}' in EXPOSE instruction should be lowercase`,
  },
  FromAsCasing: {
    description: "The keywords FROM and AS of one instruction are written in the same case",
    hint: "write FROM … AS, or from … as",
    message: (from, as) => `'${as}' and '${from}' keywords' casing do not match`,
  },
  FromPlatformFlagConstDisallowed: {
    description: "FROM --platform takes its value from a variable",
    hint: "leave the flag out, say $BUILDPLATFORM, or name the stage after the platform",
    message: (platform) => `FROM --platform flag should not use constant value ${goQuote(platform)}`,
  },
  InvalidBaseImagePlatform: {
    description: "A base image is for the platform that the build is for",
    hint: "use an image that exists for the platform, or ask for the platform of the image",
    message: (image, expected, actual) =>
      `Base image ${image} was pulled with platform ${goQuote(actual)}, expected ${goQuote(expected)} for current build`,
    hasNoUrl: true,
  },
  InvalidDefaultArgInFrom: {
    description: "With the defaults of all build arguments every FROM names a valid image",
    hint: "give the ARG a default that makes a valid name",
    message: (image) => `Default value for ARG ${image} results in empty or invalid base image name`,
  },
  InvalidDefinitionDescription: {
    description: "A comment right above a stage or build argument begins with the name that it describes",
    hint: "begin the comment with the name, or put an empty line or an empty comment below it",
    message: (instruction, name) => `Comment for ${instruction} should follow the format: \`# ${name} <description>\``,
    isExperimental: true,
  },
  JSONArgsRecommended: {
    description: "CMD and ENTRYPOINT have the JSON form, so that signals reach the program",
    hint: 'write ["program", "argument"]; or set SHELL, if a shell is what you want',
    message: (keyword) =>
      `JSON arguments recommended for ${keyword} to prevent unintended behavior related to OS signals`,
  },
  LegacyKeyValueFormat: {
    description: "ENV and LABEL have the form key=value",
    hint: 'write key=value, with the value in double quotes when it holds blanks: key="a value"',
    message: (keyword) => `"${keyword} key=value" should be used instead of legacy "${keyword} key value" format`,
  },
  MaintainerDeprecated: {
    description: "The author of an image is a label, not MAINTAINER",
    hint: 'write LABEL org.opencontainers.image.authors="name"',
    message: () => "Maintainer instruction is deprecated in favor of using label",
  },
  MultipleInstructionsDisallowed: {
    description: "A stage has at most one CMD, one ENTRYPOINT and one HEALTHCHECK",
    hint: "remove the instruction: a later one of the same kind replaces it",
    message: (keyword) =>
      `Multiple ${keyword} instructions should not be used in the same stage because only the last one will be used`,
  },
  NoEmptyContinuation: {
    description: "An instruction that goes on over several lines holds no empty line",
    hint: "remove the empty line, or begin it with #",
    message: () => "Empty continuation line",
  },
  RedundantTargetPlatform: {
    description: "FROM does not say --platform=$TARGETPLATFORM, which is what happens anyway",
    hint: "leave the flag out",
    message: (platform) =>
      `Setting platform to predefined ${platform} in FROM is redundant as this is the default behavior`,
  },
  ReservedStageName: {
    description: "No stage is called scratch or context",
    hint: "give the stage another name",
    message: (stage) => `Stage name should not use the same name as reserved stage ${goQuote(stage)}`,
  },
  SecretsUsedInArgOrEnv: {
    description: "Secrets are not passed in ARG or ENV, which stay in the image",
    hint: "use RUN --mount=type=secret, and give the secret when the container is run",
    message: (instruction, name) =>
      `Do not use ARG or ENV instructions for sensitive data (${instruction} ${goQuote(name)})`,
  },
  StageNameCasing: {
    description: "The names of stages are written in lower case",
    hint: "write the name in lower case",
    message: (stage) => `Stage name '${stage}' should be lowercase`,
  },
  UndefinedArgInFrom: {
    description: "FROM uses build arguments that are declared before the first FROM",
    hint: "declare it with ARG above the first FROM",
    message: (name, suggestion) =>
      `FROM argument '${name}' is not declared${suggestion === "" ? "" : ` (did you mean ${suggestion}?)`}`,
  },
  UndefinedVar: {
    description: "Variables are declared before they are used",
    hint: "declare it with ARG or ENV in this stage, or write a literal $ as \\$",
    message: (name, suggestion) =>
      `Usage of undefined variable '$${name}'${suggestion === "" ? "" : ` (did you mean $${suggestion}?)`}`,
  },
  WorkdirRelativePath: {
    description: "The first WORKDIR of a build is an absolute path",
    hint: "begin the path with a slash: what it is relative to is the affair of the base image",
    message: (path) => `Relative workdir ${goQuote(path)} can have unexpected results if the base image changes`,
  },
};

/** All rules, sorted by name. */
export const RULE_NAMES: readonly RuleName[] = Object.keys(TEXTS) as RuleName[];

const RULES: ReadonlyMap<RuleName, Rule> = new Map(RULE_NAMES.map((name) => [name, ruleOf(name)]));

/** The rule called `name`. */
export function ruleNamed<R extends RuleName>(name: R): Rule<ArgumentsOf<R>> {
  return RULES.get(name) as Rule<ArgumentsOf<R>>;
}

function ruleOf(name: RuleName): Rule {
  const { isExperimental, hasNoUrl, ...text } = TEXTS[name] as RuleText<readonly never[]>;
  const slug = slugOf(name);
  const url = hasNoUrl === true ? undefined : `https://docs.docker.com/go/dockerfile/rule/${slug}/`;
  return { ...text, slug, url, isExperimental: isExperimental ?? false };
}

/** True for the names of the catalogue, which are spelled exactly so. */
export function isRuleName(name: string): name is RuleName {
  return Object.hasOwn(TEXTS, name);
}

/** `JSONArgsRecommended` → `json-args-recommended`. */
function slugOf(name: string): string {
  return name.replace(/([a-z])(?=[A-Z])|([A-Z])(?=[A-Z][a-z])/g, "$&-").toLowerCase();
}
