/** UndefinedVar: variables that nothing declares. */
import type { Linter } from "../../dockerfile/lint/linter.js";
import { NO_VARIABLES } from "../builder-args.js";
import type { Command, StageDraft } from "../stage-draft.js";
import type { TargetContext } from "../target-context.js";

interface Place {
  readonly context: TargetContext;
  readonly draft: StageDraft;
  readonly command: Command;
  readonly lint: Linter;
}

/** Reports those of `names` that are no build argument, with the nearest variable there is. */
export function lintUndefined({ context, draft, command, lint }: Place, names: Iterable<string>): void {
  for (const name of names) {
    if (!lint.wants("UndefinedVar")) return;
    if (draft.buildArgs.has(name) || NO_VARIABLES.has(name)) continue;
    const suggestion = context.suggester.nearest(name, draft.env.names()) ?? "";
    lint.report("UndefinedVar", command.where.span, name, suggestion);
  }
}
