/** What a target asks its caller for: build arguments, secrets and SSH agents of all that it is made of. */
import { assertValid } from "../dockerfile/assert-valid.js";
import { checkOptionsOf } from "../dockerfile/lint/check-options.js";
import { lintSyntax } from "../dockerfile/lint/lint-syntax.js";
import { Linter } from "../dockerfile/lint/linter.js";
import type { Span } from "../errors.js";
import { type LineRange, linesOf } from "../util/source-text.js";
import { openTarget, sharedContext, type TargetInput } from "./open-target.js";
import type { ArgFacts } from "./outline-record.js";
import { planDrafts } from "./plan-target.js";
import type { StageDraft } from "./stage-draft.js";
import { reachableFrom } from "./stage-graph.js";
import type { TargetContext } from "./target-context.js";

export interface Outline {
  /** Of the stage; `undefined` when it has none. */
  readonly name: string | undefined;
  /** What the comment above the stage says of it. */
  readonly description: string | undefined;
  /** In the order of the Dockerfile, as the others. */
  readonly args: readonly OutlineArg[];
  readonly secrets: readonly OutlineMount[];
  readonly ssh: readonly OutlineMount[];
}

export interface OutlineArg {
  readonly name: string;
  readonly description: string | undefined;
  /** What it is now: as given, or the default. Empty when it has no value. */
  readonly value: string;
  readonly lines: LineRange;
}

export interface OutlineMount {
  /** The id. */
  readonly name: string;
  readonly required: boolean;
  readonly lines: LineRange;
}

/**
 * The outline of the target, with the build arguments that are given.
 * @throws what planning a build of it throws
 */
export async function outlineDockerfile(input: TargetInput): Promise<Outline> {
  const { dockerfile, buildArgs } = input;
  const { source } = dockerfile;
  const lint = Linter.create(checkOptionsOf(dockerfile, buildArgs), () => {});
  lintSyntax(dockerfile, lint);
  assertValid(dockerfile);
  const shared = sharedContext(input, { labels: new Map(), implicitPlatform: true, allStages: false });
  const context = openTarget(shared, shared.buildPlatform, lint);
  const { target } = await planDrafts(context);
  lint.assertClean(source.name);
  const drafts = nearestFirst(target);
  const mounts = (of: "secrets" | "ssh"): OutlineMount[] =>
    inOrder(drafts.map((draft) => draft.outline[of])).map(([name, { required, span }]) => {
      return { name, required, lines: linesOf(source, span) };
    });
  return {
    name: target.stage?.name,
    description: target.stage?.docComment,
    args: inOrder(drafts.map((draft) => usedArgs(draft, context))).map(([name, { definition, value, span }]) => {
      return { name, description: definition.docComment, value, lines: linesOf(source, span) };
    }),
    secrets: mounts("secrets"),
    ssh: mounts("ssh"),
  };
}

/** The target, then what it is built on, then what it takes files from. */
function nearestFirst(target: StageDraft): readonly StageDraft[] {
  return [...reachableFrom(target)];
}

/** The declared arguments that a stage uses, and those that their defaults use. */
function usedArgs({ outline }: StageDraft, { declaredArgs }: TargetContext): ReadonlyMap<string, ArgFacts> {
  const used = new Map<string, ArgFacts>();
  const names = new Set(outline.usedArgs);
  for (const name of names) {
    const facts = outline.args.get(name) ?? declaredArgs.get(name);
    if (facts === undefined) continue;
    used.set(name, facts);
    for (const each of facts.uses) names.add(each);
  }
  return used;
}

/** The first entry of each name, sorted by where it stands. */
function inOrder<T extends { readonly span: Span }>(
  records: readonly ReadonlyMap<string, T>[],
): readonly (readonly [string, T])[] {
  const found = new Map<string, T>();
  for (const record of records) {
    for (const [name, facts] of record) if (!found.has(name)) found.set(name, facts);
  }
  return [...found].sort(([, a], [, b]) => a.span.start - b.span.start);
}
