/** EXPOSE: words are sorted as written, then expanded and split, then read as ports. */
import type { ExposeInstruction } from "../../dockerfile/ast.js";
import { expandWords } from "../../dockerfile/expand.js";
import { parsePorts } from "../ports.js";
import { at, planProblem } from "../problem.js";
import { addConfigStep, type Scope, whereOf } from "./scope.js";

export function planExpose(scope: Scope, instruction: ExposeInstruction): void {
  const { context, draft, command, lint } = scope;
  const words = [...instruction.ports].sort((a, b) => (a.value < b.value ? -1 : a.value > b.value ? 1 : 0));
  const ports = words.flatMap((word): readonly string[] => {
    const where = whereOf(scope, word);
    const texts = at(where, () => expandWords(word.value, draft.env, { escape: context.dockerfile.escape }));
    return texts.flatMap((text): readonly string[] => {
      const parsed = parsePorts(text, (rule) => lint.report(rule, command.where.span, text));
      if (!("problem" in parsed)) {
        context.budget.charge(parsed.length * 16);
        return parsed;
      }
      throw planProblem(where, parsed.problem, "Expected PORT[-PORT][/tcp|udp|sctp] with ports from 0 to 65535.");
    });
  });
  for (const port of ports) draft.image.exposedPorts.add(port);
  addConfigStep(scope, `EXPOSE [${ports.join(" ")}]`);
}
