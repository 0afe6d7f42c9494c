/** The part of Go's template language that `--format` understands: text and actions → nodes. */
import { optionError } from "../option-error.js";

export type Expression =
  | { readonly kind: "value"; readonly value: unknown }
  /** Fields from the current record, or from the first one. */
  | { readonly kind: "path"; readonly from: "here" | "root"; readonly names: readonly string[] }
  | { readonly kind: "fieldsOf"; readonly of: Expression; readonly names: readonly string[] }
  | { readonly kind: "call"; readonly name: string; readonly args: readonly Expression[] };

export type Node =
  | { readonly kind: "text"; readonly text: string }
  | { readonly kind: "print"; readonly value: Expression }
  | {
      readonly kind: "if" | "range" | "with";
      readonly value: Expression;
      readonly body: readonly Node[];
      readonly otherwise: readonly Node[];
    };

const ACTION = /\{\{(-\s)?([\s\S]*?)(\s-)?\}\}/g;
const TOKEN =
  /\s*(?:("(?:[^"\\]|\\.)*"|`[^`]*`)|(-?\d+(?:\.\d+)?)|([|()])|(\$?(?:\.[\w]+)+|\$|\.)|([A-Za-z_]\w*)|(\S))/y;

/** @throws OPTIONS_INVALID, which names what is not understood */
export function parseNodes(text: string): readonly Node[] {
  const parts = splitActions(text);
  const { nodes, end } = readNodes(parts, 0);
  if (end < parts.length) throw invalid(`"{{${wordOf(parts[end])}}}" ends nothing`);
  return nodes;
}

/** An error about the format. */
export function invalid(what: string): Error {
  return optionError(
    "--format",
    `--format: ${what}`,
    'It is a Go template such as "{{.ID}}: {{.Size}}", "table {{.ID}}\\t{{.Size}}", or "json".',
  );
}

type Part = { readonly text: string } | { readonly action: string };

function splitActions(text: string): readonly Part[] {
  const parts: Part[] = [];
  let at = 0;
  let trims = false;
  for (const match of text.matchAll(ACTION)) {
    let before = text.slice(at, match.index);
    if (trims) before = before.trimStart();
    if (match[1] !== undefined) before = before.trimEnd();
    if (before !== "") parts.push({ text: before });
    const action = match[2]!.trim();
    if (!/^\/\*[\s\S]*\*\/$/.test(action)) parts.push({ action });
    trims = match[3] !== undefined;
    at = match.index + match[0].length;
  }
  const rest = trims ? text.slice(at).trimStart() : text.slice(at);
  if (rest.includes("{{")) throw invalid(`"${rest.slice(rest.indexOf("{{"))}" has no end`);
  if (rest !== "") parts.push({ text: rest });
  return parts;
}

/** The nodes up to an `else` or `end` that none of them has begun, and where that is. */
function readNodes(parts: readonly Part[], start: number): { readonly nodes: readonly Node[]; readonly end: number } {
  const nodes: Node[] = [];
  for (let at = start; at < parts.length; at++) {
    const part = parts[at]!;
    if ("text" in part) {
      nodes.push({ kind: "text", text: part.text });
      continue;
    }
    const word = wordOf(part);
    if (word === "end" || word === "else") return { nodes, end: at };
    if (word !== "if" && word !== "range" && word !== "with") {
      nodes.push({ kind: "print", value: parseExpression(part.action) });
      continue;
    }
    const value = parseExpression(part.action.slice(word.length));
    const body = readNodes(parts, at + 1);
    let otherwise: readonly Node[] = [];
    let end = body.end;
    const closing = parts[end];
    if (wordOf(closing) === "else") {
      if (closing !== undefined && "action" in closing && closing.action !== "else") {
        throw invalid(`"{{${closing.action}}}" is not understood: write {{else}}{{if …}}…{{end}}`);
      }
      const other = readNodes(parts, end + 1);
      otherwise = other.nodes;
      end = other.end;
    }
    if (wordOf(parts[end]) !== "end") throw invalid(`"{{${part.action}}}" has no {{end}}`);
    nodes.push({ kind: word, value, body: body.nodes, otherwise });
    at = end;
  }
  return { nodes, end: parts.length };
}

function wordOf(part: Part | undefined): string {
  return part !== undefined && "action" in part ? (/^\w+/.exec(part.action)?.[0] ?? "") : "";
}

type Token =
  | { readonly kind: "value"; readonly value: unknown }
  | { readonly kind: "path"; readonly text: string; readonly isJoined: boolean }
  | { readonly kind: "word" | "mark"; readonly text: string };

function parseExpression(action: string): Expression {
  const tokens = tokensOf(action);
  if (tokens.length === 0) throw invalid(`"{{${action.trim()}}}" says nothing`);
  const { value, end } = readPipeline(tokens, 0, action);
  if (end < tokens.length) throw invalid(`")" in "{{${action.trim()}}}" closes nothing`);
  return value;
}

function tokensOf(action: string): readonly Token[] {
  const tokens: Token[] = [];
  TOKEN.lastIndex = 0;
  const text = action.trimEnd();
  while (TOKEN.lastIndex < text.length) {
    const from = TOKEN.lastIndex;
    const [, quoted, number, mark, path, word, other] = TOKEN.exec(text)!;
    if (quoted !== undefined) tokens.push({ kind: "value", value: unquoted(quoted) });
    else if (number !== undefined) tokens.push({ kind: "value", value: Number(number) });
    else if (mark !== undefined) tokens.push({ kind: "mark", text: mark });
    else if (path !== undefined) tokens.push({ kind: "path", text: path, isJoined: !/\s/.test(text[from] ?? "") });
    else if (word === "true" || word === "false") tokens.push({ kind: "value", value: word === "true" });
    else if (word === "nil") tokens.push({ kind: "value", value: null });
    else if (word !== undefined) tokens.push({ kind: "word", text: word });
    else throw invalid(`"${other}" in "{{${text.trim()}}}" is not understood`);
  }
  return tokens;
}

function unquoted(text: string): string {
  if (text.startsWith("`")) return text.slice(1, -1);
  try {
    return JSON.parse(text) as string;
  } catch {
    throw invalid(`${text} is no text in quotes`);
  }
}

/** Commands joined by `|`: each gets what the one before gave as its last argument. */
function readPipeline(tokens: readonly Token[], start: number, action: string): { value: Expression; end: number } {
  let { value, end } = readCommand(tokens, start, undefined, action);
  while (isMark(tokens[end], "|")) ({ value, end } = readCommand(tokens, end + 1, value, action));
  return { value, end };
}

function readCommand(
  tokens: readonly Token[],
  start: number,
  piped: Expression | undefined,
  action: string,
): { value: Expression; end: number } {
  const first = tokens[start];
  if (first?.kind === "word") {
    const args: Expression[] = [];
    let end = start + 1;
    while (end < tokens.length && !isMark(tokens[end], "|") && !isMark(tokens[end], ")")) {
      const operand = readOperand(tokens, end, action);
      args.push(operand.value);
      end = operand.end;
    }
    return { value: { kind: "call", name: first.text, args: piped === undefined ? args : [...args, piped] }, end };
  }
  if (piped !== undefined) throw invalid(`what follows "|" in "{{${action.trim()}}}" is no function`);
  const operand = readOperand(tokens, start, action);
  const next = tokens[operand.end];
  if (next !== undefined && !isMark(next, "|") && !isMark(next, ")")) {
    throw invalid(`"{{${action.trim()}}}" has two values without a function`);
  }
  return operand;
}

function readOperand(tokens: readonly Token[], start: number, action: string): { value: Expression; end: number } {
  const token = tokens[start];
  if (token?.kind === "value") return { value: token, end: start + 1 };
  if (token?.kind === "word") return { value: { kind: "call", name: token.text, args: [] }, end: start + 1 };
  if (token?.kind === "path") {
    const from = token.text.startsWith("$") ? "root" : "here";
    const names = token.text
      .split(".")
      .slice(1)
      .filter((name) => name !== "");
    return { value: { kind: "path", from, names }, end: start + 1 };
  }
  if (isMark(token, "(")) {
    const inner = readPipeline(tokens, start + 1, action);
    if (!isMark(tokens[inner.end], ")")) throw invalid(`"(" in "{{${action.trim()}}}" is not closed`);
    const next = tokens[inner.end + 1];
    if (next?.kind === "path" && next.isJoined && next.text.startsWith(".")) {
      const names = next.text.split(".").slice(1);
      return { value: { kind: "fieldsOf", of: inner.value, names }, end: inner.end + 2 };
    }
    return { value: inner.value, end: inner.end + 1 };
  }
  throw invalid(`"{{${action.trim()}}}" is not understood`);
}

function isMark(token: Token | undefined, text: string): boolean {
  return token?.kind === "mark" && token.text === text;
}
