/** `ocibuild context`: what a build context holds, and which line of the ignore file left out the rest. */
import { parseContextSource } from "../../context/context-source.js";
import type { ContextOptions } from "../../context-report.js";
import { type Command, defineCommand } from "../command.js";
import { EXIT_DONE } from "../exit-codes.js";
import { optionError } from "../option-error.js";
import { flag, list, text } from "../options/define-options.js";
import { runWithProgress } from "../run-with-progress.js";
import { formatContext, formatPaths } from "./format-context.js";

const MOST_DEPTH = 100;

export const command: Command = defineCommand({
  name: "context",
  usage: "[OPTIONS] [PATH | URL | -]",
  description:
    "Shows what the build context holds, by size, and what the ignore file leaves out of it, by rule. PATH is the current " +
    "folder unless given. The ignore file is the one that a build takes: DOCKERFILE.dockerignore, else .dockerignore.",
  operands: { min: 0, max: 1 },
  options: {
    why: list({
      placeholder: "path",
      help: "Only say why this path is in the context or not: the rule with its file and line (repeat)",
    }),
    file: text({
      short: "f",
      placeholder: "path",
      help: 'Dockerfile of the build, beside which "NAME.dockerignore" may be (default: "PATH/Dockerfile")',
    }),
    depth: text({ placeholder: "n", help: "How many folders deep sizes are shown (default: 1)" }),
    all: flag({ help: "Show every file, and every path that is left out" }),
    json: flag({ help: "Print all of it as JSON" }),
    root: text({ placeholder: "folder", help: "Folder of the store, where archives are unpacked" }),
  },
  run: async (io, request, [path = "."]) => {
    const depth = depthOf(request.depth);
    const { file, root, why, all, json } = request;
    const usesStdin = path === "-" || file === "-";
    const store = root ?? (io.env["OCIBUILD_ROOT"] || undefined);
    const options: ContextOptions = {
      cwd: io.cwd,
      context: parseContextSource(path),
      ...(file === undefined ? {} : { file }),
      ...(store === undefined ? {} : { root: store }),
      ...(usesStdin ? { stdin: io.stdin() } : {}),
    };
    return runWithProgress(io, { request: { quiet: false }, usesStdin }, async ({ onEvent, signal, finish }) => {
      const { runContextReport, runPathReports } = await import("../../context-report.js");
      const asked = { ...options, onEvent, signal };
      if (why.length > 0) {
        const paths = await runPathReports(asked, why);
        finish();
        io.stdout.write(json ? jsonText(paths) : formatPaths(paths));
        return EXIT_DONE;
      }
      const report = await runContextReport(asked);
      finish();
      io.stdout.write(json ? jsonText(report) : formatContext(report, { depth, all }));
      return EXIT_DONE;
    });
  },
});

function depthOf(written: string | undefined): number {
  if (written === undefined) return 1;
  const depth = /^[0-9]{1,3}$/.test(written) ? Number(written) : 0;
  if (depth >= 1 && depth <= MOST_DEPTH) return depth;
  throw optionError("--depth", `"--depth ${written}" expected a number from 1 to ${MOST_DEPTH}`);
}

function jsonText(value: object): string {
  return `${JSON.stringify(value, undefined, 2)}\n`;
}
