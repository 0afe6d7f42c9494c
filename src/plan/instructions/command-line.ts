/** SHELL, CMD, ENTRYPOINT and HEALTHCHECK: command lines in the config. */
import type {
  CmdInstruction,
  CommandLine,
  EntrypointInstruction,
  HealthcheckInstruction,
  ShellInstruction,
} from "../../dockerfile/ast.js";
import type { Healthcheck } from "../../oci/types.js";
import { goDuration, goQuote, goQuoteAll, goQuoteRune } from "../../util/go-format.js";
import type { ImageDraft } from "../image-draft.js";
import { addConfigStep, type Scope } from "./scope.js";

/** `line` for the shell in force. */
export function withShell({ shell, platform }: ImageDraft, line: string): readonly string[] {
  if (shell.length > 0) return [...shell, line];
  return platform?.os === "windows" ? ["cmd", "/S", "/C", line] : ["/bin/sh", "-c", line];
}

export function planShell(scope: Scope, { args }: ShellInstruction): void {
  scope.draft.image.shell = args;
  addConfigStep(scope, `SHELL [${args.join(" ")}]`);
}

export function planCmd(scope: Scope, { command }: CmdInstruction): void {
  const { draft } = scope;
  lintWrittenOnce(scope, "CMD");
  lintShellForm(scope, command);
  draft.image.cmd = argumentsOf(draft.image, command);
  draft.image.argsEscaped = true;
  addConfigStep(scope, `CMD ${goQuoteAll(draft.image.cmd)}`);
}

/** A new ENTRYPOINT drops the CMD of the base, which was for another program. */
export function planEntrypoint(scope: Scope, { command }: EntrypointInstruction): void {
  const { draft } = scope;
  lintWrittenOnce(scope, "ENTRYPOINT");
  lintShellForm(scope, command);
  draft.image.entrypoint = argumentsOf(draft.image, command);
  if (!draft.written.has("CMD")) draft.image.cmd = [];
  addConfigStep(scope, `ENTRYPOINT ${goQuoteAll(draft.image.entrypoint)}`);
}

export function planHealthcheck(scope: Scope, instruction: HealthcheckInstruction): void {
  lintWrittenOnce(scope, "HEALTHCHECK");
  const check = healthcheckOf(instruction.check);
  scope.draft.image.healthcheck = check;
  const durations = [check.Interval, check.Timeout, check.StartPeriod, check.StartInterval];
  const words = [
    goQuoteAll(check.Test ?? []),
    ...durations.map((nanoseconds) => goQuote(goDuration(nanoseconds ?? 0))),
    goQuoteRune(check.Retries ?? 0),
  ];
  addConfigStep(scope, `HEALTHCHECK &{${words.join(" ")}}`);
}

/** Notes where the instruction is; the one before it was for nothing. */
function lintWrittenOnce({ draft, command, lint }: Scope, kind: "CMD" | "ENTRYPOINT" | "HEALTHCHECK"): void {
  const before = draft.written.get(kind);
  const keyword = command.instruction.keyword.value;
  if (before !== undefined) lint.report("MultipleInstructionsDisallowed", before.span, keyword);
  draft.written.set(kind, command.where);
}

/** A SHELL of one's own says that a shell is wanted. */
function lintShellForm({ draft, command, lint }: Scope, { form }: CommandLine): void {
  if (form !== "shell" || draft.image.shell.length > 0) return;
  lint.report("JSONArgsRecommended", command.where.span, command.instruction.keyword.value);
}

function argumentsOf(image: ImageDraft, command: CommandLine): readonly string[] {
  return command.form === "exec" ? command.args : withShell(image, command.line);
}

function healthcheckOf(check: HealthcheckInstruction["check"]): Healthcheck {
  if (check.type === "none") return { Test: ["NONE"] };
  const { command } = check;
  return {
    Test: command.form === "exec" ? ["CMD", ...command.args] : ["CMD-SHELL", command.line],
    ...(check.intervalNs === 0 ? {} : { Interval: check.intervalNs }),
    ...(check.timeoutNs === 0 ? {} : { Timeout: check.timeoutNs }),
    ...(check.startPeriodNs === 0 ? {} : { StartPeriod: check.startPeriodNs }),
    ...(check.startIntervalNs === 0 ? {} : { StartInterval: check.startIntervalNs }),
    ...(check.retries === 0 ? {} : { Retries: check.retries }),
  };
}
