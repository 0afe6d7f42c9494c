/** The command line as users have it: the built `dist/cli.js`, started with a small environment of its own. */
import { execFileSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import type { OrdinaryUser } from "./ordinary-user.js";
import { type ProgramResult, tryProgram } from "./program.js";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));

export interface OcibuildOptions {
  readonly cwd: string;
  /** Added to PATH and HOME. */
  readonly env?: Readonly<Record<string, string>>;
  readonly user?: OrdinaryUser;
  readonly input?: string | Uint8Array;
  /** Octal digits. */
  readonly umask?: string;
}

let bin: string | undefined;

/** Path of the command's script; `OCIBUILD_BIN` names another one than `dist/` has. Builds `dist/` when it is old. */
export function ocibuildBin(): string {
  if (bin !== undefined) return bin;
  const given = process.env["OCIBUILD_BIN"];
  if (given === undefined)
    execFileSync(process.execPath, [`${ROOT}scripts/setup.mjs`], { stdio: ["ignore", "pipe", "pipe"] });
  bin = given ?? `${ROOT}dist/cli.js`;
  return bin;
}

/** Runs `ocibuild ...args`; ends with whatever code it ends with. */
export function tryOcibuild(args: readonly string[], options: OcibuildOptions): Promise<ProgramResult> {
  const { cwd, env, user, input, umask } = options;
  const direct = [process.execPath, ocibuildBin(), ...args];
  // What follows the script's name are its arguments: nothing of them is read as shell text.
  const masked = umask === undefined ? direct : ["sh", "-c", `umask ${umask}; exec "$@"`, "sh", ...direct];
  const [program, ...rest] = user === undefined ? masked : user.command(masked);
  return tryProgram(program!, rest, {
    cwd,
    env: { PATH: process.env["PATH"] ?? "", HOME: cwd, ...user?.env, ...env },
    ...(input === undefined ? {} : { input }),
  });
}

/** Standard output without the line end: the digest. @throws Error with its words when it does not end with 0 */
export async function ocibuild(args: readonly string[], options: OcibuildOptions): Promise<string> {
  const { code, stdout, stderr } = await tryOcibuild(args, options);
  if (code === 0) return stdout.toString("utf8").trim();
  throw new Error(`ocibuild ${args.join(" ")} ended with ${code}:\n${stderr}`);
}
