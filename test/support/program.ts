/** Runs other programs in tests: argument vectors, no shell, their words in the error when they fail. */
import { type SpawnOptions, spawn } from "node:child_process";

export interface ProgramOptions {
  readonly cwd?: string;
  /** The whole environment; this process's unless given. */
  readonly env?: Readonly<Record<string, string>>;
  /** For standard input; closed at once unless given. */
  readonly input?: string | Uint8Array;
}

export interface ProgramResult {
  readonly code: number | null;
  readonly stdout: Buffer;
  readonly stderr: string;
}

/** Ends with whatever code the program ends with. @throws Error when it cannot be started */
export function tryProgram(
  program: string,
  args: readonly string[],
  { cwd, env, input }: ProgramOptions = {},
): Promise<ProgramResult> {
  const options: SpawnOptions = { stdio: ["pipe", "pipe", "pipe"], ...(cwd === undefined ? {} : { cwd }) };
  const child = spawn(program, args, { ...options, ...(env === undefined ? {} : { env }) });
  const stdout: Buffer[] = [];
  const stderr: Buffer[] = [];
  child.stdout!.on("data", (chunk: Buffer) => stdout.push(chunk));
  child.stderr!.on("data", (chunk: Buffer) => stderr.push(chunk));
  // A program that does not read its input is not an error of ours.
  child.stdin!.on("error", () => undefined);
  child.stdin!.end(input);
  return new Promise((resolve, reject) => {
    child.once("error", reject);
    child.once("close", (code) =>
      resolve({ code, stdout: Buffer.concat(stdout), stderr: Buffer.concat(stderr).toString("utf8") }),
    );
  });
}

/** The program's standard output. @throws Error with what it said when it does not end with 0 */
export async function runProgram(program: string, args: readonly string[], options?: ProgramOptions): Promise<string> {
  const { code, stdout, stderr } = await tryProgram(program, args, options);
  if (code === 0) return stdout.toString("utf8");
  const said = `${stderr}\n${stdout.toString("utf8")}`.trim().slice(-4000);
  throw new Error(`${[program, ...args].join(" ").slice(0, 1000)} ended with ${code}:\n${said}`);
}
