/** Heredocs: which words open one, and what their bodies mean. */
import { goQuote } from "../util/go-format.js";
import type { Heredoc } from "./ast.js";
import type { Fail } from "./diagnostics.js";
import { type ShellWord, splitShellWords } from "./heredoc-words.js";
import type { LineReader } from "./line-reader.js";
import { type LogicalLine, spanIn } from "./logical-line.js";
import { trimSpace } from "./whitespace.js";

/** What a word like `3<<-"EOF"` says. */
export interface HeredocWord {
  readonly name: string;
  readonly expand: boolean;
  readonly chomp: boolean;
  readonly fileDescriptor: number;
}

/** Reads `word` as the opening of a heredoc: `undefined` when it is something else, or when its quotes do not close. */
export function parseHeredocWord(word: string): HeredocWord | undefined {
  const parsed = readHeredocWord(word);
  return parsed === "unbalanced" ? undefined : parsed;
}

/** `content` without the tabs at the start of each line, as `<<-` wants it. */
export function stripTabs(content: string): string {
  return content.replace(/(?<![^\n])\t+/g, "");
}

function readHeredocWord(word: string): HeredocWord | "unbalanced" | undefined {
  let at = 0;
  while (at < word.length && word[at]! >= "0" && word[at]! <= "9") at++;
  if (!word.startsWith("<<", at)) return undefined;
  const digits = word.slice(0, at);
  at += 2;
  const chomp = word[at] === "-";
  if (chomp) at++;
  while (at < word.length && "\t\n\f\r ".includes(word[at]!)) at++;
  const rest = word.slice(at);
  if (rest === "" || rest.includes("<")) return undefined;
  const plain = splitShellWords(rest, { quotes: false, escapes: false });
  const raw = splitShellWords(rest, { quotes: true, escapes: false });
  if (plain === undefined || raw === undefined) return "unbalanced";
  const name = plain[0]?.text;
  if (name === undefined || plain.length !== 1 || raw.length !== 1) return undefined;
  return {
    name,
    expand: countQuotes(name) === countQuotes(raw[0]!.text),
    chomp,
    fileDescriptor: Math.min(Number(digits), Number.MAX_SAFE_INTEGER),
  };
}

function countQuotes(text: string): number {
  let count = 0;
  for (const char of text) if (char === "'" || char === '"') count++;
  return count;
}

/**
 * Takes the bodies of all heredocs that `line` opens from `reader`, in order. The first whose end is missing is reported
 * and the last: it has swallowed the rest of the file.
 */
export function readHeredocs(line: LogicalLine, reader: LineReader, fail: Fail): Heredoc[] | undefined {
  const heredocs: Heredoc[] = [];
  if (!line.text.includes("<<")) return heredocs;
  const opened: { word: ShellWord; heredoc: HeredocWord }[] = [];
  for (const word of splitShellWords(line.text, { quotes: true, escapes: true }) ?? []) {
    const heredoc = readHeredocWord(word.text);
    if (heredoc === "unbalanced") {
      return fail(
        "heredoc-word-invalid",
        `failed to process ${goQuote(word.text)}: the quotes of the heredoc's delimiter do not close`,
        spanIn(line, word.start, word.end),
      );
    }
    if (heredoc !== undefined) opened.push({ word, heredoc });
  }
  for (const { word, heredoc } of opened) {
    const wordSpan = spanIn(line, word.start, word.end);
    const body = reader.readHeredoc(heredoc.name, heredoc.chomp);
    if (!body.terminated) {
      return fail("heredoc-unterminated", "unterminated heredoc", wordSpan, unterminatedHint(heredoc, body.content));
    }
    heredocs.push({ ...heredoc, content: body.content, wordSpan, bodySpan: body.span });
  }
  return heredocs;
}

function unterminatedHint(heredoc: HeredocWord, content: string): string {
  const { name } = heredoc;
  const near = content.split("\n").find((line) => trimSpace(line) === name);
  if (near === undefined) return `expected a line that holds ${goQuote(name)} and nothing else to end the heredoc`;
  if (/^\t+[^\t]*$/.test(near) && near.trimStart() === name) {
    return `the line ${goQuote(near)} begins with a tab: write <<-${name}, or ${name} at the start of the line`;
  }
  return `the line ${goQuote(near)} has blanks beside ${name}: the delimiter must stand alone on its line`;
}
