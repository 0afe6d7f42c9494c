/**
 * The command line as a function: arguments in, exit code out. What a command needs is loaded when it is known which one
 * it is, so that `--version`, `--help` and typing errors answer at once.
 */
import { VERSION } from "../version.js";
import type { RunBuild } from "./build-command.js";
import type { Calls } from "./call/call-command.js";
import type { Command } from "./command.js";
import { commandNamed, nearestCommand, splitCommand } from "./commands.js";
import { EXIT_DONE, EXIT_USAGE, exitCodeOf } from "./exit-codes.js";
import type { Io } from "./io.js";
import { optionError } from "./option-error.js";
import { errorStyle, formatError } from "./print-error.js";

const loadRunBuild = async (): Promise<RunBuild> => (await import("../build.js")).runBuild;
const importCalls = (): Promise<Calls> => import("../call.js");

/** Never throws. `load` and `loadCalls` give the functions that do the work; tests put their own in their place. */
export async function runCli(
  io: Io,
  load: () => Promise<RunBuild> = loadRunBuild,
  loadCalls: () => Promise<Calls> = importCalls,
): Promise<number> {
  try {
    return await runCommand(io, load, loadCalls);
  } catch (error) {
    io.stderr.write(formatError(error, errorStyle(io)));
    const code = exitCodeOf(error);
    if (code === EXIT_USAGE) io.stderr.write(`See "${helpOf(io.argv)}".\n`);
    return code;
  }
}

async function runCommand(io: Io, load: () => Promise<RunBuild>, loadCalls: () => Promise<Calls>): Promise<number> {
  const { command, args } = splitCommand(io.argv);
  if (command === "help") return showHelp(io, args[0]);
  if (command !== "build") return runOther(io, await command.load(), args);
  try {
    return await runBuildCommand(io, args, load, loadCalls);
  } catch (error) {
    throw await explained(io, error);
  }
}

async function runBuildCommand(
  io: Io,
  args: readonly string[],
  load: () => Promise<RunBuild>,
  loadCalls: () => Promise<Calls>,
): Promise<number> {
  if (args.length === 1 && (args[0] === "--version" || args[0] === "-v")) return showVersion(io);
  const { parseArguments } = await import("./options/parse-arguments.js");
  const { BUILD_OPTIONS } = await import("./options/catalogue.js");
  const parsed = parseArguments(BUILD_OPTIONS, args);
  if (parsed.request.help) return showHelp(io);
  if (parsed.request.version) return showVersion(io);
  const { parseCall } = await import("./call/parse-call.js");
  const call = parseCall(parsed.request.call);
  if (call !== undefined) {
    const { callCommand } = await import("./call/call-command.js");
    return callCommand(io, parsed, call, loadCalls);
  }
  const { buildCommand } = await import("./build-command.js");
  const loadExplained = async (): Promise<RunBuild> => {
    const build = await load();
    return (options) => build(options).catch(async (error: unknown) => Promise.reject(await explained(io, error)));
  };
  return buildCommand(io, parsed, loadExplained);
}

/** The error, with the command that may be meant. */
async function explained(io: Io, error: unknown): Promise<unknown> {
  const { withNearestCommand } = await import("./mistyped-command.js");
  return withNearestCommand(error, io);
}

async function runOther(io: Io, command: Command, args: readonly string[]): Promise<number> {
  try {
    return await command.start(io, args);
  } catch (error) {
    if (command.failedCode === undefined) throw error;
    io.stderr.write(`${formatError(error, errorStyle(io))}See "ocibuild ${command.name} --help".\n`);
    return command.failedCode;
  }
}

async function showHelp(io: Io, name?: string): Promise<number> {
  if (name !== undefined && name !== "build" && name !== "help") {
    io.stdout.write((await commandToExplain(name)).help(io.stdout.columns));
    return EXIT_DONE;
  }
  const { formatProgramHelp } = await import("./options/program-help.js");
  io.stdout.write(formatProgramHelp(io.stdout.columns));
  return EXIT_DONE;
}

async function commandToExplain(name: string): Promise<Command> {
  const entry = commandNamed(name);
  if (entry !== undefined) return entry.load();
  const nearest = nearestCommand(name);
  throw optionError(
    "help",
    `command "${name}" is unknown`,
    nearest === undefined ? undefined : `Did you mean "${nearest}"?`,
  );
}

/** Where to read about what went wrong. */
function helpOf(argv: readonly string[]): string {
  const { command } = splitCommand(argv);
  return typeof command === "string" ? "ocibuild --help" : `ocibuild ${command.name} --help`;
}

function showVersion(io: Io): number {
  io.stdout.write(`ocibuild ${VERSION}\n`);
  return EXIT_DONE;
}
