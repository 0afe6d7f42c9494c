/** Stages of a Dockerfile as a graph: names, bases, sources, and what the target needs. */

import type { Stage, StageInstruction, Word } from "../dockerfile/ast.js";
import { expandWord } from "../dockerfile/expand.js";
import type { Linter } from "../dockerfile/lint/linter.js";
import { isOcibuildError, OcibuildError } from "../errors.js";
import { parsePlatform } from "../oci/platform.js";
import type { Platform } from "../oci/types.js";
import { goQuote } from "../util/go-format.js";
import { didYouMean } from "../util/suggest.js";
import { Environment } from "./environment.js";
import { lintArgsOfFrom, lintPlatformOfFrom } from "./lint/lint-from.js";
import { findNamedContext } from "./named-contexts.js";
import { at, planProblem, type Where } from "./problem.js";
import { type Command, createDraft, type StageDraft } from "./stage-draft.js";
import type { TargetContext } from "./target-context.js";
import { WatchedVariables } from "./watched-variables.js";

export interface StageGraph {
  /** The stages in the order of the Dockerfile, then other sources in the order they were named. */
  readonly drafts: StageDraft[];
  /** By lower-cased name; the last of equal names. */
  readonly byName: Map<string, StageDraft>;
}

/**
 * All stages with their bases, sources linked. Nothing is resolved yet.
 * @throws PLAN_INVALID
 */
export function buildStageGraph(context: TargetContext): StageGraph {
  const graph: StageGraph = { drafts: [], byName: new Map() };
  for (const stage of context.dockerfile.stages) addStage(graph, stage, context);
  // Names of later stages count too, so sources are linked only now.
  const { source } = context.dockerfile;
  for (const draft of graph.drafts.slice()) {
    if (draft.replacement !== undefined && !context.allStages) continue;
    draft.commands = draft.stage!.instructions.map((instruction) =>
      linkCommand(graph, draft, instruction, { source, span: instruction.span }, false, context),
    );
  }
  assertAcyclic(graph.drafts);
  return graph;
}

/** The stage called `name`, or the last one. @throws PLAN_UNKNOWN_TARGET */
export function findTarget(graph: StageGraph, name: string | undefined): StageDraft {
  const stages = graph.drafts.filter((draft) => draft.stage !== undefined);
  const found = name === undefined ? stages.at(-1) : graph.byName.get(name.toLowerCase());
  if (found !== undefined) return found;
  const names = stages.map((draft) => draft.label);
  throw new OcibuildError(
    "PLAN_UNKNOWN_TARGET",
    `target stage ${goQuote(name ?? "")} could not be found${didYouMean(name ?? "", names)}`,
    {
      details: { target: name ?? "", stages: names },
      hint: `The stages are: ${names.slice(0, 20).join(", ")}.`,
    },
  );
}

/** `target` and all that it is made of. */
export function reachableFrom(target: StageDraft): ReadonlySet<StageDraft> {
  const reached = new Set([target]);
  for (const draft of reached) {
    if (draft.base !== undefined) reached.add(draft.base);
    for (const dependency of draft.dependencies.keys()) reached.add(dependency);
  }
  return reached;
}

/** `instruction` with its sources found or added to the graph. @throws PLAN_INVALID */
export function linkCommand(
  graph: StageGraph,
  draft: StageDraft,
  instruction: StageInstruction,
  where: Where,
  onbuild: boolean,
  context: TargetContext,
): Command {
  const sources = sourceNames(instruction, where, context).map((name) => {
    const found = typeof name === "number" ? draftAt(graph, name, where) : graph.byName.get(name.toLowerCase());
    if (found !== undefined) return found;
    const added = createDraft({
      index: graph.drafts.length,
      stage: undefined,
      where,
      label: String(name),
      baseName: String(name),
    });
    graph.drafts.push(added);
    return added;
  });
  for (const source of sources) draft.dependencies.set(source, where);
  return { instruction, where, onbuild, sources };
}

function addStage(graph: StageGraph, stage: Stage, context: TargetContext): void {
  const { globalArgs, dockerfile } = context;
  const { image, platform: platformWord } = stage.from;
  const where = { source: dockerfile.source, span: stage.from.span };
  const lint = context.lint.within(stage.from.docComment);
  const variables = new WatchedVariables(globalArgs);
  let baseName: string;
  try {
    const options = { escape: dockerfile.escape };
    baseName = at({ ...where, span: image.span }, () => expandWord(image.value, variables, options).value);
  } finally {
    lintArgsOfFrom(stage, variables, context, lint);
  }
  if (baseName === "") {
    throw planProblem(
      { ...where, span: image.span },
      `base name (${image.value}) should not be blank`,
      "Only ARGs before the first FROM are in scope here: give them a default or --build-arg.",
    );
  }
  const hasPlatform = platformWord !== undefined && platformWord.value !== "";
  const platform = hasPlatform ? readPlatform(stage, platformWord, variables, context, lint) : undefined;
  const replacement =
    stage.name === undefined
      ? undefined
      : findNamedContext(context.namedContexts, stage.name, platform ?? context.targetPlatform, where);
  const draft = createDraft({
    index: stage.index,
    stage,
    where,
    label: stage.name ?? `stage-${stage.index}`,
    baseName,
    platform,
    replacement,
  });
  if (replacement === undefined) draft.base = graph.byName.get(baseName);
  if (replacement === undefined) for (const name of variables.matched) draft.outline.usedArgs.add(name);
  graph.drafts.push(draft);
  if (stage.name !== undefined) graph.byName.set(stage.name, draft);
}

/** @param used gets the variables that the platform is made of */
function readPlatform(
  stage: Stage,
  word: Word,
  used: WatchedVariables,
  context: TargetContext,
  lint: Linter,
): Platform {
  const { dockerfile, globalArgs, buildPlatform } = context;
  const where = { source: dockerfile.source, span: word.span };
  const variables = new WatchedVariables(globalArgs);
  let value: string;
  try {
    value = at(where, () => expandWord(word.value, variables, { escape: dockerfile.escape }).value);
  } finally {
    lintArgsOfFrom(stage, variables, context, lint);
  }
  lintPlatformOfFrom(stage, word, value, variables, context, lint);
  for (const name of variables.matched) used.matched.add(name);
  const suggestion =
    [...variables.unmatched].map((name) => didYouMean(name, globalArgs.names())).find((text) => text !== "") ?? "";
  if (value === "") throw planProblem(where, `empty platform value from expression ${word.value}${suggestion}`);
  try {
    return parsePlatform(value, buildPlatform);
  } catch (error) {
    if (!isOcibuildError(error, "PLATFORM_INVALID")) throw error;
    throw planProblem(where, `failed to parse platform ${word.value}: ${error.message}${suggestion}`, error.hint);
  }
}

/** Names or indexes of what an instruction takes files from, in the order of `Command.sources`. */
function sourceNames(
  instruction: StageInstruction,
  where: Where,
  context: TargetContext,
): readonly (string | number)[] {
  if (instruction.kind === "RUN") {
    return instruction.mounts.map(({ options }) => {
      const from = options.findLast((option) => option.name === "from")?.value;
      return from === undefined || from === "" ? "scratch" : from;
    });
  }
  if (instruction.kind !== "COPY" || instruction.from === undefined || instruction.from.value === "") return [];
  const name = instruction.from.value;
  const expanded = at(where, () => expandWord(name, new Environment(), { escape: context.dockerfile.escape })).value;
  if (expanded !== name) {
    throw planProblem(
      where,
      "variable expansion is not supported for --from, define a new stage with FROM using ARG from global scope as a workaround",
      `Write FROM ${name} AS source above, and COPY --from=source here.`,
    );
  }
  const index = /^[+-]?\d+$/.test(name) ? Number(name) : Number.NaN;
  return [Number.isSafeInteger(index) ? index : name];
}

function draftAt(graph: StageGraph, index: number, where: Where): StageDraft {
  const found = graph.drafts[index];
  if (found !== undefined) return found;
  const count = graph.drafts.filter((draft) => draft.stage !== undefined).length;
  throw planProblem(where, `invalid stage index ${index}`, `There are ${count} stages, counted from 0.`);
}

/** Depth first, without recursion: there may be as many stages as instructions. */
function assertAcyclic(drafts: readonly StageDraft[]): void {
  const visited = new Set<StageDraft>();
  for (const first of drafts) {
    if (visited.has(first)) continue;
    visited.add(first);
    const onPath = new Set([first]);
    const path = [{ draft: first, rest: first.dependencies.entries() }];
    while (path.length > 0) {
      const { draft, rest } = path[path.length - 1]!;
      const next = rest.next();
      if (next.done === true) {
        onPath.delete(draft);
        path.pop();
        continue;
      }
      const [dependency, where] = next.value;
      if (onPath.has(dependency)) {
        const labels = path.map((step) => step.draft.label);
        throw planProblem(
          where,
          `circular dependency detected on stage: ${first.label}`,
          `The way around: ${[...labels, dependency.label].slice(0, 12).join(" needs ")}.`,
        );
      }
      if (visited.has(dependency)) continue;
      visited.add(dependency);
      onPath.add(dependency);
      path.push({ draft: dependency, rest: dependency.dependencies.entries() });
    }
  }
}
