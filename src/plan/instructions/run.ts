/** RUN: the command line, its environment, heredocs and mounts, all settled. */
import type { RunInstruction } from "../../dockerfile/ast.js";
import { OcibuildError } from "../../errors.js";
import { locate } from "../../util/source-text.js";
import { cleanAbsolute } from "../image-paths.js";
import { planProblem } from "../problem.js";
import { type RunStep, runHistory } from "../steps/run.js";
import { withShell } from "./command-line.js";
import { planMount } from "./run-mount.js";
import { addStep, type Scope, whereOf } from "./scope.js";

/** Where heredoc programs are put for the command. */
const SCRIPT_DIRECTORY = "/dev/pipes";

export function planRun(scope: Scope, instruction: RunInstruction): void {
  const { context, draft, command } = scope;
  const mounts = instruction.mounts.map((mount, index) => planMount(scope, mount, command.sources[index]!));
  const [device] = instruction.devices;
  if (device !== undefined) {
    const where = whereOf(scope, device);
    throw new OcibuildError(
      "PLAN_UNSUPPORTED",
      "device feature is only supported in Dockerfile frontend 1.14.0-labs or later",
      {
        details: { feature: "RUN --device" },
        location: locate(where.source, where.span),
        hint: "Devices cannot be given to RUN here: remove --device.",
      },
    );
  }
  const { args, files } = commandOf(scope, instruction);
  const env = draft.env.toSortedList();
  const buildArgs = new Map<string, string>();
  for (const [name, value] of draft.buildArgs) buildArgs.set(name, draft.env.get(name) ?? value);
  context.budget.charge(env.reduce((length, entry) => length + entry.length, 0));
  const step: Omit<RunStep, "span" | "onbuild"> = {
    kind: "run",
    createdBy: runHistory(args, buildArgs),
    args,
    env,
    buildArgs: [...buildArgs.keys()],
    proxyEnv: context.proxyEnv,
    cwd: cleanAbsolute(draft.workdir, draft.platform!),
    user: draft.image.user,
    files,
    mounts,
    network: (instruction.network ?? "default") as RunStep["network"],
    security: (instruction.security ?? "sandbox") as RunStep["security"],
  };
  addStep(scope, step);
}

function commandOf(scope: Scope, instruction: RunInstruction): Pick<RunStep, "args" | "files"> {
  const { image } = scope.draft;
  const { command, script } = instruction;
  if (command.form === "exec") {
    if (command.args.length === 0) {
      throw planProblem(
        whereOf(scope, command),
        "RUN names no command: arguments are required",
        'Expected RUN ["program", "argument"] or RUN command.',
      );
    }
    return { args: command.args, files: [] };
  }
  if (script === undefined) {
    // The shell reads the heredocs itself.
    const bodies = instruction.heredocs.map(({ content, name }) => `\n${content}${name}`);
    return { args: withShell(image, command.line + bodies.join("")), files: [] };
  }
  // As written, tabs included: BuildKit 0.26 takes an indented `#!` for a comment.
  const isProgram = instruction.heredocs[0]?.content.startsWith("#!") === true && image.platform?.os !== "windows";
  if (!isProgram) {
    return { args: withShell(image, script.content), files: [] };
  }
  const path = `${SCRIPT_DIRECTORY}/${script.name}`;
  return { args: withShell(image, path), files: [{ path, content: script.content }] };
}
