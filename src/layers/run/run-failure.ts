/** The end of a command's output, and the error of a command that failed. */
import { OcibuildError } from "../../errors.js";
import { goQuote } from "../../util/go-format.js";

/** How much of the output an error carries. */
const MAX_BYTES = 8 * 1024;
const MAX_LINES = 20;
/** A longer command is shortened in the middle. */
const MAX_COMMAND = 2000;

/** Keeps the last bytes of what a command prints. */
export class OutputTail {
  #chunks: Buffer[] = [];
  #bytes = 0;

  add(chunk: Uint8Array): void {
    this.#chunks.push(Buffer.from(chunk.subarray(Math.max(0, chunk.length - MAX_BYTES))));
    this.#bytes += this.#chunks.at(-1)!.length;
    if (this.#bytes < 4 * MAX_BYTES) return;
    this.#chunks = [this.#end()];
    this.#bytes = this.#chunks[0]!.length;
  }

  /** The last lines, without a final newline. */
  text(): string {
    const lines = this.#end().toString("utf8").trimEnd().split(/\r?\n/);
    return lines.slice(-MAX_LINES).join("\n");
  }

  #end(): Buffer {
    const all = Buffer.concat(this.#chunks);
    return all.subarray(Math.max(0, all.length - MAX_BYTES));
  }
}

/** BuildKit's sentence about a process: tools and people look for it. */
export function processSentence(args: readonly string[], what: string): string {
  const command = args.join(" ");
  const shown =
    command.length <= MAX_COMMAND
      ? command
      : `${command.slice(0, MAX_COMMAND / 2)} … ${command.slice(command.length - MAX_COMMAND / 2)}`;
  return `process ${goQuote(shown)} did not complete successfully: ${what}`;
}

/** The error for a command that ended with `exitCode`; `log` is the file that holds all that it printed. */
export function runFailed(
  args: readonly string[],
  outcome: { readonly exitCode: number; readonly signal?: string },
  output: string,
  log: string | undefined,
): OcibuildError<"RUN_FAILED"> {
  const { exitCode, signal } = outcome;
  const what = `exit code: ${exitCode}${signal === undefined ? "" : ` (${signal})`}`;
  const hints = [hintFor(exitCode, signal), log && `all that it printed is in ${log}`].filter(
    (hint) => hint !== undefined,
  );
  return new OcibuildError("RUN_FAILED", processSentence(args, what), {
    details: { exitCode, ...(signal === undefined ? {} : { signal }), output, ...(log === undefined ? {} : { log }) },
    ...(hints.length === 0 ? {} : { hint: hints.join("; ") }),
  });
}

function hintFor(exitCode: number, signal: string | undefined): string | undefined {
  if (exitCode === 127) return "127 mostly means that a program was not found in the image";
  if (exitCode === 126) return "126 mostly means that a file is not executable, or is for another platform";
  if (exitCode === 137 || signal === "SIGKILL") {
    return "the command was killed: often because memory ran out";
  }
  return undefined;
}
