/** `--check` and `--call`: the answer goes to standard output, progress and errors to standard error. */
import type { CheckResult, OutlineResult, TargetsResult } from "../../call.js";
import type { BuildOptions } from "../../options.js";
import { toBuildOptions } from "../build-options.js";
import { EXIT_DONE, EXIT_FAILED } from "../exit-codes.js";
import type { Io } from "../io.js";
import type { BuildRequest } from "../options/build-request.js";
import type { ParsedArguments } from "../options/parse-arguments.js";
import { progressModeOf, runWithProgress } from "../run-with-progress.js";
import { checkJson, formatCheck } from "./format-check.js";
import { formatOutline, outlineJson } from "./format-outline.js";
import { formatTargets, targetsJson } from "./format-targets.js";
import type { Call } from "./parse-call.js";

/** What can be asked. */
export interface Calls {
  runCheck(options: BuildOptions): Promise<CheckResult>;
  runOutline(options: BuildOptions): Promise<OutlineResult>;
  runTargets(options: BuildOptions): Promise<TargetsResult>;
}

/**
 * Asks, prints the answer and returns the exit code: 1 when there are findings.
 * @throws OPTIONS_… before anything is done
 */
export async function callCommand(
  io: Io,
  { request, operands }: ParsedArguments<BuildRequest>,
  call: Call,
  loadCalls: () => Promise<Calls>,
): Promise<number> {
  progressModeOf(io, request);
  // Where a result would go means nothing here.
  const options = toBuildOptions(request, operands, { env: io.env, cwd: io.cwd, stdoutIsTTY: false });
  const usesStdin = operands[0] === "-" || request.file === "-";
  return runWithProgress(io, { request, usesStdin }, async ({ onEvent, signal, finish }) => {
    const calls = await loadCalls();
    const { text, error, status } = await answer(calls, call, {
      ...options,
      ...(usesStdin ? { stdin: io.stdin() } : {}),
      onEvent,
      signal,
    });
    finish();
    io.stdout.write(text);
    if (error !== undefined) throw error;
    return call.ignoreStatus ? EXIT_DONE : status;
  });
}

interface Answer {
  readonly text: string;
  readonly error?: Error | undefined;
  readonly status: number;
}

async function answer(calls: Calls, { method, format }: Call, options: BuildOptions): Promise<Answer> {
  const isJson = format === "json";
  switch (method) {
    case "check": {
      const result = await calls.runCheck(options);
      const status = result.findings.length > 0 ? EXIT_FAILED : EXIT_DONE;
      return { text: isJson ? jsonText(checkJson(result)) : formatCheck(result), error: result.error, status };
    }
    case "outline": {
      const result = await calls.runOutline(options);
      return { text: isJson ? jsonText(outlineJson(result)) : formatOutline(result), status: EXIT_DONE };
    }
    case "targets": {
      const result = await calls.runTargets(options);
      return { text: isJson ? jsonText(targetsJson(result)) : formatTargets(result), status: EXIT_DONE };
    }
    default:
      return method satisfies never;
  }
}

function jsonText(value: object): string {
  return `${JSON.stringify(value, undefined, 2)}\n`;
}
