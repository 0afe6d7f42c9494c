/** Parts → text of an instruction. */
import { OcibuildError } from "../../errors.js";
import { isSpace } from "../whitespace.js";
import { encodeFlagValue } from "./encode-text.js";
import type { ArgumentPart, FlagPart, InstructionParts } from "./parts.js";

/** How the file around an instruction is written. */
export interface InstructionStyle {
  /** The file's escape character; `\` unless given. */
  readonly escape?: string;
  /** Line ending; `\n` unless given. Contents of heredocs keep theirs. */
  readonly newline?: "\n" | "\r\n";
  /** Of keywords; upper unless given. */
  readonly keywordCase?: "upper" | "lower";
}

/**
 * The text of an instruction, without a newline at its end. Whether it says what was asked for, its reader knows.
 * @throws DOCKERFILE_EDIT
 */
export function printParts(parts: InstructionParts, style: InstructionStyle): string {
  const { escape: escapeChar = "\\", newline = "\n", keywordCase } = style;
  const keyword = keywordCase === "lower" ? parts.kind.toLowerCase() : parts.kind;
  const flags = parts.flags.map((flag) => ` ${printFlag(flag, escapeChar)}`).join("");
  const line = keyword + flags + printArguments(parts, needsList(parts), keywordCase);
  if (line.includes("\n")) throw notWritable(parts, line, "a line break can only stand in a heredoc");
  if (parts.bodies.some(({ content }) => content !== "" && !content.endsWith("\n"))) {
    throw notWritable(parts, line, "the content of a heredoc ends in a newline");
  }
  return line + parts.bodies.map(({ name, content }) => `${newline}${content}${name}`).join("");
}

/** `--name` or `--name=value`. */
export function printFlag({ name, value }: FlagPart, escapeChar: string): string {
  return value === undefined ? `--${name}` : `--${name}=${encodeFlagValue(value, escapeChar)}`;
}

/** The arguments with a blank before them. */
export function printArguments(
  { args, isList }: Pick<InstructionParts, "args" | "isList">,
  asList: boolean,
  keywordCase: InstructionStyle["keywordCase"],
): string {
  if (isList && asList) return ` ${listText(args.map(({ text }) => text))}`;
  const text = args.map((part) => printArgument(part, keywordCase)).join("");
  return text.startsWith(" --") ? ` --${text}` : text;
}

/** One argument with what stands before it. */
export function printArgument({ lead, text }: ArgumentPart, keywordCase: InstructionStyle["keywordCase"]): string {
  return (keywordCase === "lower" ? lead.toLowerCase() : lead) + text;
}

/** `strings` as a JSON list. */
export function listText(strings: readonly string[]): string {
  return `[${strings.map((text) => JSON.stringify(text)).join(", ")}]`;
}

/** True when the words can only be written as a list: blanks would cut them, or they would be read as one. */
export function needsList({ args, isList }: InstructionParts): boolean {
  if (!isList) return false;
  if (args.some(({ text }) => text === "" || [...text].some((char) => isSpace(char.charCodeAt(0))))) return true;
  return args[0]?.text.startsWith("[") === true && isJson(args.map(({ text }) => text).join(" "));
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

/** The error that an instruction cannot be written so that it says what was asked for. */
export function notWritable(
  { kind }: Pick<InstructionParts, "kind">,
  text: string,
  why: string,
): OcibuildError<"DOCKERFILE_EDIT"> {
  return new OcibuildError("DOCKERFILE_EDIT", `${kind} cannot be written as described: ${why}`, {
    details: { text: text.length > 200 ? `${text.slice(0, 200)}…` : text },
    hint: "give the instruction as text, or its words as { value } with their quotes and escapes",
  });
}
