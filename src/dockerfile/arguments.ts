/** The arguments of an instruction in the shape its kind wants: the first half of parsing, before any name is checked. */
import type { Pair, Word } from "./ast.js";
import type { Fail } from "./diagnostics.js";
import { type InstructionLine, splitInstruction } from "./instruction-line.js";
import { parseJsonForm } from "./json-form.js";
import { type LogicalLine, type Range, wordIn } from "./logical-line.js";
import { parsePairs } from "./pairs.js";
import { isSpace, skipSpace } from "./whitespace.js";
import { splitBlanks, splitQuoted } from "./words.js";

export interface Arguments {
  readonly form: "json" | "text";
  /** JSON strings, words, or the whole line as one word, as the kind wants it. */
  readonly words: readonly Word[];
  /** Of ENV and LABEL. */
  readonly pairs: readonly Pair[];
  /** Of ARG: words cut at their first `=`. */
  readonly definitions: readonly { readonly name: Word; readonly value: Word | undefined }[];
  /** Of ONBUILD: the instruction within. */
  readonly trigger: { readonly kind: string; readonly args: Arguments } | undefined;
}

const NOTHING: Arguments = { form: "text", words: [], pairs: [], definitions: [], trigger: undefined };

/** Reads the arguments of `kind` (upper case; unknown kinds have none). `undefined` when a problem was reported. */
export function parseArguments(
  kind: string,
  parts: InstructionLine,
  escapeChar: string,
  fail: Fail,
): Arguments | undefined {
  const { line, rest } = parts;
  switch (kind) {
    case "ADD":
    case "COPY":
    case "VOLUME":
      return maybeJson(parts, fail, () => splitBlanks(line, rest));
    case "RUN":
    case "CMD":
    case "ENTRYPOINT":
    case "SHELL":
      return maybeJson(parts, fail, () => wholeLine(parts));
    case "FROM":
    case "EXPOSE":
      return textArguments(splitBlanks(line, rest));
    case "ARG":
      return { ...NOTHING, definitions: splitQuoted(line, rest, escapeChar).map((word) => cutAtEquals(line, word)) };
    case "WORKDIR":
    case "USER":
    case "STOPSIGNAL":
    case "MAINTAINER":
      return textArguments(wholeLine(parts));
    case "ENV":
    case "LABEL": {
      const pairs = parsePairs(kind, parts, escapeChar, fail);
      return pairs && { ...NOTHING, pairs };
    }
    case "HEALTHCHECK":
      return healthcheckArguments(parts, fail);
    case "ONBUILD":
      return onbuildArguments(parts, escapeChar, fail);
    default:
      return NOTHING;
  }
}

function cutAtEquals(line: LogicalLine, { start, end }: Range): Arguments["definitions"][number] {
  const equals = line.text.indexOf("=", start);
  if (equals === -1 || equals >= end) return { name: wordIn(line, start, end), value: undefined };
  return { name: wordIn(line, start, equals), value: wordIn(line, equals + 1, end) };
}

function textArguments(words: readonly Word[]): Arguments {
  return { ...NOTHING, words };
}

function wholeLine({ line, rest }: InstructionLine): Word[] {
  return rest.start === rest.end ? [] : [wordIn(line, rest.start, rest.end)];
}

function maybeJson(parts: InstructionLine, fail: Fail, otherwise: () => readonly Word[]): Arguments | undefined {
  const json = parseJsonForm(parts.line, parts.rest);
  if (json === "text") return textArguments(otherwise());
  if (json !== "not-strings") return { ...NOTHING, form: "json", words: json };
  return fail(
    "json-not-strings",
    "when using JSON array syntax, arrays must be comprised of strings only",
    wordIn(parts.line, parts.rest.start, parts.rest.end).span,
    'put each element in double quotes: ["80", "true"]',
  );
}

/** `NONE` or `CMD`, then a command. */
function healthcheckArguments(parts: InstructionLine, fail: Fail): Arguments | undefined {
  const { line, rest } = parts;
  let end = rest.start;
  while (end < rest.end && !isSpace(line.text.charCodeAt(end))) end++;
  if (end === rest.start) return NOTHING;
  const command = { ...parts, rest: { start: skipSpace(line.text, end, rest.end), end: rest.end } };
  const args = maybeJson(command, fail, () => wholeLine(command));
  return args && { ...args, words: [wordIn(line, rest.start, end), ...args.words] };
}

/** The instruction within is looked at for its shape only: its names are checked when the trigger fires. */
function onbuildArguments(parts: InstructionLine, escapeChar: string, fail: Fail): Arguments | undefined {
  const { line, rest } = parts;
  if (rest.start === rest.end) return NOTHING;
  const inner = splitInstruction(line, rest.start, rest.end, escapeChar);
  const kind = inner.keyword.value.toUpperCase();
  // An ONBUILD within is refused anyway; not following it keeps a line of ten thousand of them from recursing.
  const args = kind === "ONBUILD" ? NOTHING : parseArguments(kind, inner, escapeChar, fail);
  return args && { ...NOTHING, words: [inner.keyword], trigger: { kind, args } };
}
