/** HEALTHCHECK: `NONE`, or `CMD` with durations and retries. */

import { goQuote } from "../../util/go-format.js";
import type { HealthcheckInstruction } from "../ast.js";
import { parseDuration } from "../duration.js";
import { type FlagValues, parseFlags } from "../flag-values.js";
import { commandLine } from "./command.js";
import { baseOf, failAtLeastOne, type Request } from "./request.js";

const EXAMPLE = "HEALTHCHECK --interval=30s CMD curl -f http://localhost/";

export function parseHealthcheck(request: Request): HealthcheckInstruction | undefined {
  const { fail } = request;
  const [type, ...words] = request.args.words;
  if (type === undefined) return failAtLeastOne(request, "HEALTHCHECK", EXAMPLE);
  const kind = type.value.toUpperCase();
  if (kind === "NONE") {
    if (words.length === 0) return { ...baseOf("HEALTHCHECK", request), check: { type: "none" } };
    const message = "HEALTHCHECK NONE takes no arguments";
    return fail("arguments-too-many", message, words[0]!.span, "NONE switches the check of the base image off");
  }
  const flags = parseFlags("HEALTHCHECK", request.flags, fail);
  if (flags === undefined) return undefined;
  if (kind !== "CMD") {
    const message = `Unknown type ${goQuote(kind)} in HEALTHCHECK (try CMD)`;
    return fail("healthcheck-type", message, type.span, `write HEALTHCHECK CMD ${type.value} …`);
  }
  if (words.length === 0) {
    return fail("arguments-missing", "Missing command after HEALTHCHECK CMD", type.span, `for example: ${EXAMPLE}`);
  }
  const intervalNs = interval(request, flags, "interval");
  const timeoutNs = interval(request, flags, "timeout");
  const startPeriodNs = interval(request, flags, "start-period");
  const startIntervalNs = interval(request, flags, "start-interval");
  const retries = parseRetries(request, flags);
  if (intervalNs === undefined || timeoutNs === undefined || startPeriodNs === undefined) return undefined;
  if (startIntervalNs === undefined || retries === undefined) return undefined;
  return {
    ...baseOf("HEALTHCHECK", request),
    check: {
      type: "cmd",
      command: commandLine(request, words),
      intervalNs,
      timeoutNs,
      startPeriodNs,
      startIntervalNs,
      retries,
    },
  };
}

/** Nanoseconds; 0 when not given. */
function interval({ fail }: Request, flags: FlagValues, name: string): number | undefined {
  const word = flags.string(name);
  if (word === undefined || word.value === "") return 0;
  const duration = parseDuration(word.value);
  if (typeof duration !== "number") {
    return fail(
      "duration-invalid",
      duration.problem,
      word.span,
      "a duration is a number with a unit: 30s, 1m30s, 500ms",
    );
  }
  if (duration !== 0 && duration < 1e6) {
    const message = `Interval ${goQuote(name)} cannot be less than 1ms`;
    return fail("duration-invalid", message, word.span, "0 stands for the default");
  }
  return duration;
}

function parseRetries({ fail }: Request, flags: FlagValues): number | undefined {
  const word = flags.string("retries");
  if (word === undefined || word.value === "") return 0;
  const parsing = `strconv.ParseInt: parsing ${goQuote(word.value)}`;
  const hint = "expected a number, for example --retries=3";
  if (!/^[+-]?[0-9]+$/.test(word.value)) return fail("retries-invalid", `${parsing}: invalid syntax`, word.span, hint);
  const retries = Number(word.value);
  if (retries > 0x7fffffff || retries < -0x80000000) {
    return fail("retries-invalid", `${parsing}: value out of range`, word.span, hint);
  }
  if (retries < 0) return fail("retries-invalid", `--retries cannot be negative (${retries})`, word.span, hint);
  return retries;
}
