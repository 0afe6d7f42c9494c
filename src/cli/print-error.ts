/** Errors for people: what is wrong, where, why, and what to do about it. */
import { isOcibuildError, type OcibuildError, type SourceLocation } from "../errors.js";
import type { Io } from "./io.js";
import { safeLine, safeText } from "./terminal-text.js";

/** How many causes are shown below an error. */
const MAX_CAUSES = 5;
/** How many mistakes of a Dockerfile are shown. */
const MAX_MISTAKES = 20;

export interface ErrorStyle {
  /** Show where in the program it happened. */
  readonly debug: boolean;
  readonly color: boolean;
}

/** The style for a terminal, a log, or whoever reads standard error. */
export function errorStyle({ env, stderr }: Pick<Io, "env" | "stderr">): ErrorStyle {
  const isColorful = stderr.isTTY && env["TERM"] !== "dumb" && (env["NO_COLOR"] ?? "") === "";
  return { debug: env["OCIBUILD_DEBUG"] === "1", color: isColorful };
}

/** Several lines with a newline at the end. */
export function formatError(error: unknown, style: ErrorStyle): string {
  const lines = isOcibuildError(error) ? knownError(error) : unknownError(error);
  const label = style.color ? "\x1b[31mERROR\x1b[0m" : "ERROR";
  const [first = "", ...others] = lines;
  const stack =
    style.debug && error instanceof Error && error.stack !== undefined ? safeText(error.stack).split("\n") : [];
  return [`${label}: ${first}`, ...others, ...stack].map((line) => `${line.trimEnd()}\n`).join("");
}

/** One JSON object without newline, for programs. */
export function errorRecord(error: unknown): object {
  if (!isOcibuildError(error)) return { type: "error", message: messageOf(error) };
  const { code, message, hint, location, details } = error;
  return { type: "error", code, message, hint, location, details };
}

function knownError(error: OcibuildError): string[] {
  const lines = [messageLines(error.message)];
  if (isOcibuildError(error, "DOCKERFILE_INVALID") && (error.details.locations?.length ?? 0) > 1) {
    return [...lines, ...mistakeLines(error)];
  }
  if (error.location !== undefined) lines.push(formatLocation(error.location), excerpt(error.location));
  lines.push(...outputLines(error), ...causeLines(error));
  if (error.hint !== undefined) lines.push(hintLine(error.hint));
  return lines;
}

/** The end of what a command printed: on a terminal it is gone by now. */
function outputLines(error: OcibuildError): string[] {
  if (!isOcibuildError(error, "RUN_FAILED") || error.details.output === "") return [];
  return [`last output:\n  ${messageLines(error.details.output)}`];
}

/** Each mistake of a Dockerfile that has several. */
function mistakeLines({ details }: OcibuildError<"DOCKERFILE_INVALID">): string[] {
  const mistakes = details.diagnostics
    .map((diagnostic, index) => ({ diagnostic, location: details.locations?.[index] }))
    .filter(({ diagnostic }) => diagnostic.severity === "error");
  const lines: string[] = [];
  for (const { diagnostic, location } of mistakes.slice(0, MAX_MISTAKES)) {
    const place = location === undefined ? "" : `${formatLocation(location)} `;
    lines.push(`${place}${safeLine(diagnostic.message)}`);
    if (location !== undefined) lines.push(excerpt(location));
    if (diagnostic.hint !== undefined) lines.push(hintLine(diagnostic.hint));
  }
  if (mistakes.length > MAX_MISTAKES) lines.push(`… and ${mistakes.length - MAX_MISTAKES} more`);
  return lines;
}

/** An error that no one foresaw. */
function unknownError(error: unknown): string[] {
  const hint = "This is a mistake in ocibuild. Please report it with what OCIBUILD_DEBUG=1 shows.";
  return [messageLines(`internal error: ${messageOf(error)}`), ...causeLines(error), hintLine(hint)];
}

/** `Dockerfile:4:6`. */
export function formatLocation({ file, line, column }: SourceLocation): string {
  return `${safeLine(file)}:${line}:${column}`;
}

function excerpt(location: SourceLocation): string {
  return safeText(location.excerpt);
}

function hintLine(hint: string): string {
  return `hint: ${messageLines(hint)}`;
}

/** Further lines are indented, so that none can pass for a line of ours. */
function messageLines(text: string): string {
  return safeText(text).trimEnd().replaceAll("\n", "\n  ");
}

/** The causes, without those that only repeat what is said above them. */
function causeLines(error: unknown): string[] {
  const lines: string[] = [];
  const seen = new Set<unknown>([error]);
  let said = messageOf(error);
  let queue = causesOf(error);
  for (let next = queue.shift(); next !== undefined && lines.length < MAX_CAUSES; next = queue.shift()) {
    if (seen.has(next)) continue;
    seen.add(next);
    const message = messageOf(next);
    if (message !== "" && !said.includes(message)) {
      lines.push(`cause: ${messageLines(message)}`);
      said += `\n${message}`;
    }
    queue = [...queue, ...causesOf(next)];
  }
  return lines;
}

function causesOf(error: unknown): unknown[] {
  if (!(error instanceof Error)) return [];
  const several = error instanceof AggregateError ? error.errors : [];
  return [...(error.cause === undefined ? [] : [error.cause]), ...several];
}

function messageOf(error: unknown): string {
  if (!(error instanceof Error))
    return typeof error === "string" ? error : `a value of type ${typeof error} was thrown`;
  if (isOcibuildError(error) || error.name === "Error") return error.message;
  return error.message === "" ? error.name : `${error.name}: ${error.message}`;
}
