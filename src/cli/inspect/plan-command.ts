/** `ocibuild plan`: the words of `ocibuild build`, and instead of a build what it would do. */
import type { PlanReport } from "../../plan-report.js";
import { toBuildOptions } from "../build-options.js";
import type { Command } from "../command.js";
import { EXIT_DONE, EXIT_FAILED } from "../exit-codes.js";
import type { Io } from "../io.js";
import { type BuildRequest, emptyRequest } from "../options/build-request.js";
import { BUILD_OPTIONS } from "../options/catalogue.js";
import { formatHelp } from "../options/format-help.js";
import type { CommandLineOption, OptionTable } from "../options/option.js";
import { parseArguments } from "../options/parse-arguments.js";
import { runWithProgress } from "../run-with-progress.js";
import { formatPlan } from "./format-plan.js";

interface PlanRequest extends BuildRequest {
  json: boolean;
}

/** Options of `build` that ask for something else than a build, or for files about its result. */
const NOT_HERE: readonly string[] = ["check", "call", "iidfile", "metadata-file", "version"];

/** What `build` has not. */
const OWN_OPTIONS: readonly CommandLineOption<PlanRequest>[] = [
  {
    kind: "switch",
    name: "json",
    group: "Messages",
    help: "Print everything as JSON: what each key is made of, and what changed",
    apply: (request, on) => {
      request.json = on;
    },
  },
];

const TABLE: OptionTable<PlanRequest> = {
  options: [...BUILD_OPTIONS.options.filter(({ name }) => !NOT_HERE.includes(name)), ...OWN_OPTIONS],
  groups: BUILD_OPTIONS.groups.filter((group) => group !== "Instead of building"),
  emptyRequest: () => ({ ...emptyRequest(), json: false }),
};

const DESCRIPTION =
  "Plans a build and looks into the cache: which steps are there, which would run and why. Takes the options of " +
  '"ocibuild build"; nothing is run, and nothing is written where they say. With --require-cache the exit code is 1 when ' +
  "a step would run.";

export const command: Command = {
  name: "plan",
  options: OWN_OPTIONS,
  help: (columns) =>
    formatHelp({ usage: "plan [OPTIONS] PATH | URL | -", description: DESCRIPTION, table: TABLE }, columns),
  start: async (io, args) => {
    const { request, operands } = parseArguments(TABLE, args);
    if (request.help) {
      io.stdout.write(command.help(io.stdout.columns));
      return EXIT_DONE;
    }
    return planCommand(io, request, operands);
  },
};

async function planCommand(io: Io, request: PlanRequest, operands: readonly string[]): Promise<number> {
  // An archive would not go to standard output.
  const options = toBuildOptions(request, operands, { env: io.env, cwd: io.cwd, stdoutIsTTY: false });
  const { requireCache = false, ...asked } = options;
  const usesStdin = operands[0] === "-" || request.file === "-";
  return runWithProgress(io, { request, usesStdin }, async ({ onEvent, signal, finish }) => {
    const { runPlanReport } = await import("../../plan-report.js");
    const report = await runPlanReport({
      ...asked,
      ...(usesStdin ? { stdin: io.stdin() } : {}),
      onEvent,
      signal,
    });
    finish();
    io.stdout.write(request.json ? `${JSON.stringify(report, undefined, 2)}\n` : formatPlan(report));
    return requireCache && hasWork(report) ? EXIT_FAILED : EXIT_DONE;
  });
}

function hasWork({ stages }: PlanReport): boolean {
  return stages.some(({ steps }) => steps.some(({ state }) => state === "runs" || state === "depends"));
}
