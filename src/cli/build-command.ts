/** `ocibuild build`: options → build, its progress and result → outputs of the process, its end → an exit code. */
import type { Built } from "../build.js";
import type { BuildOptions } from "../options.js";
import { toBuildOptions } from "./build-options.js";
import { EXIT_DONE } from "./exit-codes.js";
import type { Io } from "./io.js";
import type { BuildRequest } from "./options/build-request.js";
import type { ParsedArguments } from "./options/parse-arguments.js";
import { goesToStdout } from "./output-options.js";
import { formatSummary } from "./print-summary.js";
import { removeStaleFiles, writeResultFiles } from "./result-files.js";
import { progressModeOf, runWithProgress } from "./run-with-progress.js";

export type RunBuild = (options: BuildOptions) => Promise<Built>;

/**
 * Builds and returns the exit code.
 * @throws OPTIONS_… before anything is done
 */
export async function buildCommand(
  io: Io,
  { request, operands }: ParsedArguments<BuildRequest>,
  loadRunBuild: () => Promise<RunBuild>,
): Promise<number> {
  progressModeOf(io, request);
  const options = toBuildOptions(request, operands, { env: io.env, cwd: io.cwd, stdoutIsTTY: io.stdout.isTTY });
  const archiveToStdout = (options.outputs ?? []).some((output) => typeof output !== "string" && goesToStdout(output));
  const usesStdin = operands[0] === "-" || request.file === "-";
  return runWithProgress(io, { request, usesStdin }, async ({ mode, onEvent, signal, finish }) => {
    const runBuild = await loadRunBuild();
    await removeStaleFiles(request, io.cwd);
    const built = await runBuild({
      ...options,
      ...(usesStdin ? { stdin: io.stdin() } : {}),
      ...(archiveToStdout ? { stdout: io.stdoutStream() } : {}),
      onEvent,
      signal,
    });
    finish();
    await writeResultFiles(request, io.cwd, built);
    if (mode === "tty" || mode === "plain") io.stderr.write(formatSummary(built));
    if (!archiveToStdout) io.stdout.write(`${built.digest}\n`);
    return EXIT_DONE;
  });
}
