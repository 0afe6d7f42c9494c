/** Changes an instruction where it stands: what is the same before and after is not touched. */
import type { Span } from "../../errors.js";
import type { Instruction } from "../ast.js";
import { argumentSpans, headEnd } from "./argument-spans.js";
import { problemOf, writeParts } from "./format-instruction.js";
import { partsOf } from "./instruction-parts.js";
import { type ArgumentPart, equalParts, type FlagPart, type InstructionParts } from "./parts.js";
import { type InstructionStyle, needsList, printArgument, printArguments, printFlag } from "./print-parts.js";
import { applyChanges, type TextChange } from "./text-change.js";

/** What a rewriting works on. */
interface Rewriting {
  readonly source: string;
  readonly instruction: Instruction;
  readonly old: InstructionParts;
  readonly wanted: InstructionParts;
  readonly style: InstructionStyle;
  readonly escapeChar: string;
}

/**
 * The changes of `source` that make `instruction` say `wanted`: single words and flags where that does, else all
 * arguments, else the whole instruction.
 * @throws DOCKERFILE_EDIT
 */
export function rewriteInstruction(
  source: string,
  instruction: Instruction,
  wanted: InstructionParts,
  style: InstructionStyle,
): readonly TextChange[] {
  const escapeChar = style.escape ?? "\\";
  const old = partsOf(instruction, escapeChar);
  if (equalParts(old, wanted)) return [];
  const rewriting = { source, instruction, old, wanted, style, escapeChar };
  const flags = flagChanges(rewriting);
  for (const changes of [wordChanges(rewriting), lineChanges(rewriting)]) {
    if (changes !== undefined && saysWanted(rewriting, [...flags, ...changes])) return [...flags, ...changes];
  }
  const { start, end } = instruction.span;
  return [{ start, end, text: writeParts(wanted, style) }];
}

function saysWanted({ source, instruction, wanted, escapeChar }: Rewriting, changes: readonly TextChange[]): boolean {
  const { start, end } = instruction.span;
  const local = changes.map((change) => ({ ...change, start: change.start - start, end: change.end - start }));
  const text = applyChanges(source.slice(start, end), local);
  return text !== undefined && problemOf(text, wanted, escapeChar) === undefined;
}

function flagChanges(rewriting: Rewriting): TextChange[] {
  const { instruction, old, wanted } = rewriting;
  const names = new Set([...old.flags, ...wanted.flags].map(({ name }) => name));
  return [...names].flatMap((name) => {
    const before = old.flags.filter((flag) => flag.name === name);
    const after = wanted.flags.filter((flag) => flag.name === name);
    if (before.length === after.length && before.every((flag, index) => flag.value === after[index]!.value)) return [];
    return changesOfFlag(
      rewriting,
      instruction.flags.filter((flag) => flag.name === name).map(({ span }) => span),
      after,
    );
  });
}

/** Makes the flags at `spans` those of `after`, from the first on. */
function changesOfFlag(rewriting: Rewriting, spans: readonly Span[], after: readonly FlagPart[]): TextChange[] {
  const { instruction, escapeChar } = rewriting;
  const changes: TextChange[] = [];
  spans.forEach((span, index) => {
    const flag = after[index];
    if (flag !== undefined) changes.push({ ...span, text: printFlag(flag, escapeChar) });
    else changes.push({ ...removal(rewriting, span, endBefore(instruction, span)), text: "" });
  });
  const place = spans[spans.length - 1]?.end ?? headEnd(instruction);
  const more = after.slice(spans.length).map((flag) => ` ${printFlag(flag, escapeChar)}`);
  if (more.length > 0) changes.push({ start: place, end: place, text: more.join("") });
  return changes;
}

function endBefore({ keyword, flags }: Instruction, span: Span): number {
  const index = flags.findIndex((flag) => flag.span.start === span.start);
  return flags[index - 1]?.span.end ?? keyword.span.end;
}

/** Changes of single arguments, and of the body of a heredoc. */
function wordChanges(rewriting: Rewriting): readonly TextChange[] | undefined {
  const { source, instruction, old, wanted, style } = rewriting;
  const bodies = bodyChanges(rewriting);
  const spans = argumentSpans(instruction);
  if (bodies === undefined || spans === undefined || spans.length !== old.args.length) return undefined;
  const inList = old.isList && source[skipBlanks(source, headEnd(instruction))] === "[";
  const changes: TextChange[] = [...bodies];
  let next = 0;
  let previousEnd = headEnd(instruction);
  const insertUpTo = (end: number): void => {
    const text = wanted.args.slice(next, end).map((part) => printArgument(part, style.keywordCase));
    if (text.length > 0) changes.push({ start: previousEnd, end: previousEnd, text: text.join("") });
    next = end;
  };
  for (const [index, argument] of old.args.entries()) {
    const span = spans[index]!;
    const match = indexOfKey(wanted.args, argument.key, next);
    if (match !== next && (inList || old.args.length === 1)) return undefined;
    if (match === -1) {
      changes.push({ ...removal(rewriting, span, previousEnd), text: "" });
    } else {
      insertUpTo(match);
      const { text } = wanted.args[next++]!;
      if (text !== argument.text) changes.push({ ...span, text: inList ? JSON.stringify(text) : text });
    }
    previousEnd = span.end;
  }
  if (inList && next < wanted.args.length) return undefined;
  insertUpTo(wanted.args.length);
  return changes;
}

function indexOfKey(args: readonly ArgumentPart[], key: string, from: number): number {
  for (let index = from; index < args.length; index++) if (args[index]!.key === key) return index;
  return -1;
}

/** Changes of the contents of heredocs that stay; `undefined` when there are others. */
function bodyChanges({ instruction, old, wanted }: Rewriting): readonly TextChange[] | undefined {
  const { heredocs } = instruction;
  if (old.bodies.length !== wanted.bodies.length || heredocs.length !== old.bodies.length) return undefined;
  const changes: TextChange[] = [];
  for (const [index, { name, content }] of wanted.bodies.entries()) {
    const before = old.bodies[index]!;
    if (before.name !== name) return undefined;
    if (before.content === content) continue;
    const { start } = heredocs[index]!.bodySpan;
    changes.push({ start, end: start + heredocs[index]!.content.length, text: content });
  }
  return changes;
}

/** One change of all arguments, for instructions without heredocs. */
function lineChanges({ source, instruction, old, wanted, style }: Rewriting): readonly TextChange[] | undefined {
  if (old.bodies.length > 0 || wanted.bodies.length > 0) return undefined;
  const start = headEnd(instruction);
  const first = skipBlanks(source, start);
  const isList = source[first] === "[" || needsList(wanted);
  const text = printArguments(wanted, isList, style.keywordCase);
  const { end } = instruction.span;
  return [first < end ? { start: first, end, text: text.slice(1) } : { start, end, text }];
}

/**
 * What to take away so that `span` is gone: its line when it has one of its own, else the blanks before it. Comments
 * between the lines of an instruction stay.
 */
function removal({ source, escapeChar }: Rewriting, span: Span, previousEnd: number): Span {
  const lineStart = source.lastIndexOf("\n", span.start - 1) + 1;
  if (lineStart <= previousEnd || source.slice(lineStart, span.start).trim() !== "") {
    let { start } = span;
    while (start > previousEnd && (source[start - 1] === " " || source[start - 1] === "\t")) start--;
    return { start, end: span.end };
  }
  const newline = source.indexOf("\n", span.end);
  const rest = newline === -1 ? undefined : source.slice(span.end, newline).trim();
  if (rest === escapeChar) return { start: lineStart, end: newline + 1 };
  const next = skipBlanks(source, span.end);
  if (rest !== undefined && rest !== "" && next > span.end) return { start: span.start, end: next };
  return { start: previousEnd, end: span.end };
}

function skipBlanks(source: string, at: number): number {
  while (source[at] === " " || source[at] === "\t") at++;
  return at;
}
