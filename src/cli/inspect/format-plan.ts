/** The plan for people: each stage with its steps, what is in the cache, and why the rest is not. */
import type { PlanReport, StageReport, StepReport } from "../../plan-report.js";
import { safeLine } from "../terminal-text.js";

const WORDS: Readonly<Record<StepReport["state"], string>> = {
  config: "config",
  cached: "CACHED",
  runs: "RUNS",
  depends: "depends",
};
const WIDTH = Math.max(...Object.values(WORDS).map((word) => word.length));

/** Several lines with a newline at the end. */
export function formatPlan({ stages, targets }: PlanReport): string {
  const names = new Map(stages.map(({ id, name }) => [id, name]));
  // A stage without a name is called by its number.
  const called = (id: string): string => names.get(id) ?? id.slice(0, id.indexOf("@"));
  const parts = stages.map((stage) => {
    const isTarget = targets.some((target) => target.stage === stage.id);
    return [headOf(stage, isTarget, called), ...stage.steps.flatMap(stepLines)].map((line) => `${line}\n`).join("");
  });
  return [...parts, `${countsOf(stages)}\n`].join("\n");
}

function headOf({ id, platform, base }: StageReport, isTarget: boolean, called: (id: string) => string): string {
  const digest = base.digest === undefined ? "" : ` (${base.digest.slice(0, "sha256:".length + 12)})`;
  const from = base.kind === "stage" ? `stage ${called(base.name)}` : base.name;
  return safeLine(`stage ${called(id)} for ${platform} from ${from}${digest}${isTarget ? ", the result" : ""}`);
}

function stepLines({ state, title, causes = [] }: StepReport): string[] {
  const lines = [`  ${WORDS[state].padEnd(WIDTH)}  ${safeLine(title)}`];
  for (const { text } of causes) lines.push(`  ${" ".repeat(WIDTH)}    ${safeLine(text)}`);
  return lines;
}

function countsOf(stages: readonly StageReport[]): string {
  const steps = stages.flatMap((stage) => stage.steps).filter(({ state }) => state !== "config");
  const count = (state: StepReport["state"]): number => steps.filter((step) => step.state === state).length;
  const depends = count("depends");
  const rest = depends === 0 ? "" : `, ${depends} ${depends === 1 ? "depends" : "depend"} on what those make`;
  return `${steps.length} ${steps.length === 1 ? "step" : "steps"}: ${count("cached")} cached, ${count("runs")} to run${rest}`;
}
