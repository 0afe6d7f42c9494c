/**
 * Runs the system's git: nothing of this machine's configuration, no prompts, no hooks, no transports but the allowed
 * ones, and nothing left when it is cancelled (threats C12, P2).
 */
import { spawn } from "node:child_process";
import { dirname } from "node:path";
import { OcibuildError } from "../../errors.js";

export interface GitProgram {
  /** Absolute. */
  readonly path: string;
  /** The whole environment that git gets, apart from what `runGit` adds: `gitEnvironment`. */
  readonly environment: Readonly<Record<string, string>>;
}

export interface GitRun {
  /** Where git starts; repositories above it are not looked for. */
  readonly cwd: string;
  readonly gitDir?: string | undefined;
  readonly workTree?: string | undefined;
  /** The index to use instead of the repository's. */
  readonly indexFile?: string | undefined;
  /** Transports that may be used, joined by `:`; none unless given. */
  readonly protocols?: string | undefined;
  /** Settings that may be secret: they are not among the arguments, which every user of the machine can see. */
  readonly secretConfig?: readonly (readonly [name: string, value: string])[] | undefined;
  readonly sshCommand?: string | undefined;
  readonly sshAgent?: string | undefined;
  /** Gets standard output piece by piece, however much it is; `GitOutput.stdout` is empty then. */
  readonly onStdout?: ((chunk: Buffer) => void) | undefined;
  readonly timeoutMs?: number | undefined;
  readonly signal?: AbortSignal | undefined;
}

export interface GitOutput {
  readonly exitCode: number;
  readonly stdout: Buffer;
  /** Its end, at most. */
  readonly stderr: string;
}

/** Git knows both names on Windows, shells there only the first. */
const NO_FILE = process.platform === "win32" ? "NUL" : "/dev/null";
const MAX_STDOUT_BYTES = 64 * 1024 * 1024;
const MAX_STDERR_BYTES = 16 * 1024;
const DEFAULT_TIMEOUT_MS = 60_000;
/** How long git may tidy up after SIGTERM. */
const GRACE_MS = 2_000;

/** Variables of the surroundings that git may see: proxies and certificate authorities. */
const PASSED_ON: readonly string[] = [
  ...["HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "no_proxy", "all_proxy"],
  ...["GIT_SSL_CAINFO", "GIT_SSL_CAPATH", "SSL_CERT_FILE", "SSL_CERT_DIR"],
  // Windows programs do not start without them.
  ...["SystemRoot", "SYSTEMROOT", "TEMP", "TMP"],
];

/** Settings that hold for every run; they win over those of a repository. */
const SETTINGS: readonly string[] = [
  `core.hooksPath=${NO_FILE}`,
  "core.fsmonitor=false",
  "core.askPass=",
  "credential.helper=",
  "core.autocrlf=false",
  "core.eol=lf",
  "core.precomposeUnicode=false",
  "core.longPaths=true",
  "core.logAllRefUpdates=false",
  "init.defaultBranch=master",
  "gc.auto=0",
  "maintenance.auto=false",
  "fetch.recurseSubmodules=false",
  "submodule.recurse=false",
  "transfer.bundleURI=false",
  // Git would take tokens along to wherever a redirect leads (threat R1), and into private networks (R2).
  "http.followRedirects=false",
  // A connection that brings less than this for a minute is dead.
  "http.lowSpeedLimit=100",
  "http.lowSpeedTime=60",
];

/** The environment for git: what is named here and nothing else. */
export function gitEnvironment(
  surroundings: Readonly<Record<string, string | undefined>>,
  searchPath: string,
): Record<string, string> {
  const environment: Record<string, string> = {
    PATH: searchPath,
    HOME: NO_FILE,
    LC_ALL: "C",
    GIT_CONFIG_NOSYSTEM: "1",
    GIT_CONFIG_GLOBAL: NO_FILE,
    GIT_ATTR_NOSYSTEM: "1",
    GIT_TERMINAL_PROMPT: "0",
    GCM_INTERACTIVE: "never",
    GIT_NO_REPLACE_OBJECTS: "1",
    GIT_SSH_VARIANT: "ssh",
  };
  for (const name of PASSED_ON) {
    const value = Object.hasOwn(surroundings, name) ? surroundings[name] : undefined;
    if (value !== undefined) environment[name] = value;
  }
  return environment;
}

/**
 * Runs `git ARGS`. An exit code other than 0 is the caller's to judge.
 * @throws CONTEXT_FETCH when git cannot be started, takes too long or says too much; CONTEXT_INVALID for arguments that no
 * program can be given; the signal's reason, once every process has ended
 */
export async function runGit(program: GitProgram, args: readonly string[], run: GitRun): Promise<GitOutput> {
  run.signal?.throwIfAborted();
  if (args.some((arg) => arg.includes("\0"))) {
    throw new OcibuildError("CONTEXT_INVALID", "a git source holds a NUL character", { details: { path: "git" } });
  }
  const settings = SETTINGS.flatMap((setting) => ["-c", setting]);
  const places = [
    ...(run.gitDir === undefined ? [] : [`--git-dir=${run.gitDir}`]),
    ...(run.workTree === undefined ? [] : [`--work-tree=${run.workTree}`]),
  ];
  const isWindows = process.platform === "win32";
  return new Promise((resolve, reject) => {
    const child = spawn(program.path, [...settings, ...places, ...args], {
      cwd: run.cwd,
      env: environmentOf(program, run),
      stdio: ["ignore", "pipe", "pipe"],
      // A session of its own: it has no terminal to ask at, and its helpers can be ended with it.
      detached: !isWindows,
      windowsHide: true,
      shell: false,
    });
    const stdout: Buffer[] = [];
    let stdoutBytes = 0;
    let stderr = Buffer.alloc(0);
    let failure: (() => unknown) | undefined;
    let grace: NodeJS.Timeout | undefined;
    const stop = (reason: () => unknown): void => {
      if (failure !== undefined) return;
      failure = reason;
      endProcesses(child.pid, "SIGTERM");
      grace = setTimeout(() => {
        endProcesses(child.pid, "SIGKILL");
        // Who inherited the pipes and left the session is not waited for.
        child.stdout.destroy();
        child.stderr.destroy();
      }, GRACE_MS);
    };
    const timeoutMs = run.timeoutMs ?? DEFAULT_TIMEOUT_MS;
    const timer = setTimeout(() => stop(() => gitProblem(`git took longer than ${timeoutMs / 1000} s`)), timeoutMs);
    const onAbort = (): void => stop(() => run.signal?.reason);
    run.signal?.addEventListener("abort", onAbort, { once: true });
    const finish = (settle: () => void): void => {
      clearTimeout(timer);
      clearTimeout(grace);
      run.signal?.removeEventListener("abort", onAbort);
      settle();
    };
    child.stdout.on("data", (chunk: Buffer) => {
      if (run.onStdout !== undefined) return run.onStdout(chunk);
      stdoutBytes += chunk.length;
      if (stdoutBytes > MAX_STDOUT_BYTES) stop(() => gitProblem(`git printed more than ${MAX_STDOUT_BYTES} bytes`));
      else stdout.push(chunk);
      return undefined;
    });
    child.stderr.on("data", (chunk: Buffer) => {
      const all = Buffer.concat([stderr, chunk]);
      stderr = all.subarray(Math.max(0, all.length - MAX_STDERR_BYTES));
    });
    child.on("error", (cause) => finish(() => reject(gitProblem(`"${program.path}" could not be started`, cause))));
    child.on("close", (code, killedBy) => {
      if (failure !== undefined) {
        // Helpers may outlive git.
        endProcesses(child.pid, "SIGKILL");
        const reason = failure();
        finish(() => reject(reason));
      } else if (code === null) {
        finish(() => reject(gitProblem(`git was ended by ${killedBy}`)));
      } else {
        finish(() => resolve({ exitCode: code, stdout: Buffer.concat(stdout), stderr: stderr.toString("utf8") }));
      }
    });
  });
}

function environmentOf(program: GitProgram, run: GitRun): Record<string, string> {
  const environment: Record<string, string> = {
    ...program.environment,
    // The list overrules every setting, and what is not on it cannot be used by submodules or redirects either.
    GIT_ALLOW_PROTOCOL: run.protocols ?? "none",
    // Looked for in `cwd` only.
    GIT_CEILING_DIRECTORIES: dirname(run.cwd),
    // Without a command of ours there is no ssh.
    GIT_SSH_COMMAND: run.sshCommand ?? "false",
    ...(run.sshAgent === undefined ? {} : { SSH_AUTH_SOCK: run.sshAgent }),
    ...(run.indexFile === undefined ? {} : { GIT_INDEX_FILE: run.indexFile }),
  };
  const config = run.secretConfig ?? [];
  if (config.length > 0) environment["GIT_CONFIG_COUNT"] = String(config.length);
  for (const [at, [name, value]] of config.entries()) {
    environment[`GIT_CONFIG_KEY_${at}`] = name;
    environment[`GIT_CONFIG_VALUE_${at}`] = value;
  }
  return environment;
}

/** Ends git and what it has started. */
function endProcesses(pid: number | undefined, signal: "SIGTERM" | "SIGKILL"): void {
  if (pid === undefined) return;
  try {
    // Windows has no process groups; there a helper ends when its pipe to git breaks.
    process.kill(process.platform === "win32" ? pid : -pid, signal);
  } catch {
    // They have ended.
  }
}

function gitProblem(message: string, cause?: unknown): OcibuildError<"CONTEXT_FETCH"> {
  return new OcibuildError("CONTEXT_FETCH", message, {
    details: { url: "git" },
    ...(cause === undefined ? {} : { cause }),
  });
}
