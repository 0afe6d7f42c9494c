/** What the process tells its parent. Documented in docs/cli.md. */
import { isOcibuildError } from "../errors.js";
import type { StopSignal } from "./io.js";

export const EXIT_DONE = 0;
/** The build or a registry failed. */
export const EXIT_FAILED = 1;
/** Wrong use: options that are unknown, not supported or contradict each other. */
export const EXIT_USAGE = 2;
/** Nobody reads our output: 128 + SIGPIPE, as for programs that the signal ends. */
export const EXIT_BROKEN_PIPE = 141;

const SIGNAL_NUMBERS: Readonly<Record<StopSignal, number>> = { SIGHUP: 1, SIGINT: 2, SIGTERM: 15 };

/** 128 + the signal's number. */
export function exitCodeOfSignal(signal: StopSignal): number {
  return 128 + SIGNAL_NUMBERS[signal];
}

/** 2 for errors about options, else 1. */
export function exitCodeOf(error: unknown): number {
  return isOcibuildError(error) && error.code.startsWith("OPTIONS_") ? EXIT_USAGE : EXIT_FAILED;
}
