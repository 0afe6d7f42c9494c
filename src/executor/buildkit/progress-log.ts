/** What a builder tells while it builds: documents of JSON, one after the other, among lines for people. */
import type { RunIO } from "../contract.js";
import { startFailureCode } from "../kit/start-failure.js";
import { type ProgressEvent, ProgressSchema } from "./schemas.js";

const MAX_DOCUMENT_CHARS = 64 * 1024 * 1024;

export interface BuildFailure {
  readonly exitCode: number | undefined;
  readonly message: string;
}

/** The step that runs the command: the builder's own ones say what they load. */
const RUN_STEP = /^\[(?:[^\]]* )?\d+\/\d+\] RUN /;
/** All that is printed where the builder's runtime cannot start the program; the builder then says that it ended with 1. */
const NOT_STARTED = /^runc run failed: unable to start container process: exec: .*\n?$/;
const NOT_STARTED_CHARS = 4096;
const EXIT_CODE = /did not complete successfully: exit code: (\d+)/;

export class ProgressLog {
  readonly #onOutput: RunIO["onOutput"];
  readonly #runSteps = new Set<string>();
  #pending = "";
  /** The last lines that are no JSON. */
  #words: string[] = [];
  #failure: BuildFailure | undefined;
  /** What the command printed first. */
  #printed = "";

  constructor(onOutput: RunIO["onOutput"]) {
    this.#onOutput = onOutput;
  }

  /** Passes the command's output on, in order, waiting for who takes it. */
  async read(chunks: AsyncIterable<Buffer>): Promise<void> {
    const decoder = new TextDecoder();
    let rest = "";
    for await (const chunk of chunks) {
      const lines = (rest + decoder.decode(chunk, { stream: true })).split("\n");
      rest = lines.pop()!;
      for (const line of lines) await this.#line(line);
    }
    if (rest !== "") await this.#line(rest);
  }

  /** How the command or the build failed. */
  failure(): BuildFailure {
    const said = this.#words.join(" ").trim();
    const [, code] = EXIT_CODE.exec(said) ?? [];
    const { exitCode, message } = this.#failure ?? { exitCode: codeOf(code), message: said || "no reason" };
    const isStarted = exitCode !== 1 || !NOT_STARTED.test(this.#printed);
    return { exitCode: isStarted ? exitCode : startFailureCode(this.#printed), message };
  }

  /** A document is a line, or begins with a brace alone on a line and ends with one. */
  async #line(line: string): Promise<void> {
    if (this.#pending === "" && !line.startsWith("{")) {
      this.#words = [...this.#words, line].slice(-20);
      return;
    }
    this.#pending += `${line}\n`;
    if (!line.endsWith("}") || (line.startsWith(" ") && line !== "}")) return;
    let event: ProgressEvent;
    try {
      event = ProgressSchema.parse(JSON.parse(this.#pending));
    } catch (error) {
      if (this.#pending.length > MAX_DOCUMENT_CHARS) throw error;
      return;
    }
    this.#pending = "";
    await this.#event(event);
  }

  async #event({ vertexes, logs }: ProgressEvent): Promise<void> {
    for (const { digest, name, error = "" } of vertexes ?? []) {
      if (RUN_STEP.test(name)) this.#runSteps.add(digest);
      if (error === "") continue;
      const [, code] = this.#runSteps.has(digest) ? (EXIT_CODE.exec(error) ?? []) : [];
      this.#failure ??= { exitCode: codeOf(code), message: error };
    }
    for (const { vertex, stream, data } of logs ?? []) {
      if (!this.#runSteps.has(vertex)) continue;
      const bytes = Buffer.from(data, "base64");
      if (this.#printed.length < NOT_STARTED_CHARS) this.#printed += bytes.toString("utf8");
      await this.#onOutput(stream === 2 ? "stderr" : "stdout", bytes);
    }
  }
}

function codeOf(digits: string | undefined): number | undefined {
  return digits === undefined ? undefined : Number(digits);
}
