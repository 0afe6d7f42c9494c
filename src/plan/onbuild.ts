/** ONBUILD triggers: instructions that a base left for the stages built on it. */
import type { StageInstruction } from "../dockerfile/ast.js";
import { parseInstruction } from "../dockerfile/parse.js";
import { planProblem } from "./problem.js";
import type { StageDraft } from "./stage-draft.js";
import { linkCommand, type StageGraph } from "./stage-graph.js";
import type { TargetContext } from "./target-context.js";

/**
 * Puts the triggers of each needed stage's base before its own instructions. A base image's triggers are in its config;
 * those of an earlier stage are its ONBUILD lines. They fire once and are not handed on.
 *
 * @returns true when a trigger takes files from somewhere, so that there may be new stages to resolve
 * @throws PLAN_INVALID
 */
export function takeTriggers(graph: StageGraph, needed: ReadonlySet<StageDraft>, context: TargetContext): boolean {
  let newSources = false;
  for (const draft of graph.drafts.slice()) {
    if (!needed.has(draft) || draft.triggersTaken) continue;
    draft.triggersTaken = true;
    if (draft.stage === undefined) continue;
    if (draft.replacement !== undefined) {
      // It runs no instructions, so there is nothing to put the triggers of its image before.
      draft.image.onBuild = [];
      continue;
    }
    const commands = triggersFor(draft).map((trigger) => {
      const instruction = parseTrigger(trigger, draft);
      return linkCommand(graph, draft, instruction, draft.where, true, context);
    });
    if (commands.length === 0) continue;
    newSources ||= commands.some((command) => command.sources.length > 0);
    draft.commands = [...commands, ...draft.commands];
    draft.image.onBuild = [];
  }
  return newSources;
}

function triggersFor({ base, image }: StageDraft): readonly string[] {
  if (base === undefined) return image.onBuild;
  return base.commands.flatMap(({ instruction }) => (instruction.kind === "ONBUILD" ? [instruction.trigger] : []));
}

function parseTrigger(trigger: string, draft: StageDraft): StageInstruction {
  const { instruction, diagnostics } = parseInstruction("ONBUILD trigger", trigger);
  if (instruction !== undefined) return instruction;
  const problem = diagnostics.find((diagnostic) => diagnostic.severity === "error");
  const shown = trigger.length > 200 ? `${trigger.slice(0, 200)}…` : trigger;
  throw planProblem(
    draft.where,
    problem?.message ?? "onbuild trigger should be a single expression",
    `The base brings the trigger "${shown}", which cannot be used.`,
  );
}
