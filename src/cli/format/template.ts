/** Templates of `--format`: docker's fields and functions, values printed as Go prints them. */
import { type Expression, invalid, type Node, parseNodes } from "./template-syntax.js";

/** Prints a record. @throws OPTIONS_INVALID */
export type Template = (record: unknown) => string;

/**
 * Reads a template.
 * @param fields when given, all fields that the records have: any other one is an error at once
 * @throws OPTIONS_INVALID, which names what is not understood
 */
export function parseTemplate(text: string, fields?: Readonly<Record<string, unknown>>): Template {
  const nodes = parseNodes(text);
  // Whatever is wrong is said also when there is nothing to print.
  if (fields !== undefined) run(nodes, fields, fields);
  checkCalls(nodes);
  return (record) => run(nodes, record, record);
}

function run(nodes: readonly Node[], here: unknown, root: unknown): string {
  return nodes.map((node) => runNode(node, here, root)).join("");
}

function runNode(node: Node, here: unknown, root: unknown): string {
  switch (node.kind) {
    case "text":
      return node.text;
    case "print":
      return goText(evaluate(node.value, here, root));
    case "if":
      return run(isTrue(evaluate(node.value, here, root)) ? node.body : node.otherwise, here, root);
    case "with": {
      const value = evaluate(node.value, here, root);
      return isTrue(value) ? run(node.body, value, root) : run(node.otherwise, here, root);
    }
    case "range": {
      const value = evaluate(node.value, here, root);
      const items = Array.isArray(value) ? value : isRecord(value) ? sorted(value).map(([, item]) => item) : [];
      if (items.length === 0) return run(node.otherwise, here, root);
      return items.map((item) => run(node.body, item, root)).join("");
    }
    default:
      return node satisfies never;
  }
}

function evaluate(expression: Expression, here: unknown, root: unknown): unknown {
  switch (expression.kind) {
    case "value":
      return expression.value;
    case "path":
      return fieldsOf(expression.from === "here" ? here : root, expression.names);
    case "fieldsOf":
      return fieldsOf(evaluate(expression.of, here, root), expression.names);
    case "call": {
      const args = expression.args.map((arg) => evaluate(arg, here, root));
      return functionNamed(expression.name)(args);
    }
    default:
      return expression satisfies never;
  }
}

function fieldsOf(value: unknown, names: readonly string[]): unknown {
  let at = value;
  for (const name of names) {
    if (!isRecord(at)) throw invalid(`".${name}" is asked of what has no fields`);
    if (!Object.hasOwn(at, name)) {
      const known = Object.keys(at);
      throw invalid(`field ".${name}" is not known; there are ${known.map((key) => `.${key}`).join(" ")}`);
    }
    at = at[name];
  }
  return at;
}

type GoFunction = (args: readonly unknown[]) => unknown;

const FUNCTIONS: ReadonlyMap<string, GoFunction> = new Map<string, GoFunction>([
  ["json", ([value]) => JSON.stringify(value ?? null)],
  ["join", ([values, separator]) => listOf(values).map(goText).join(goText(separator))],
  ["split", ([value, separator]) => goText(value).split(goText(separator))],
  ["upper", ([value]) => goText(value).toUpperCase()],
  ["lower", ([value]) => goText(value).toLowerCase()],
  ["title", ([value]) => goText(value).replace(/(^|\s)\S/g, (letter) => letter.toUpperCase())],
  ["len", ([value]) => (isRecord(value) ? Object.keys(value).length : lengthOf(value))],
  ["index", ([value, ...keys]) => keys.reduce(entryOf, value)],
  ["truncate", ([value, length]) => goText(value).slice(0, Number(length))],
  ["pad", ([value, before, after]) => " ".repeat(Number(before)) + goText(value) + " ".repeat(Number(after))],
  ["print", (args) => args.map(goText).join(" ")],
  ["println", (args) => `${args.map(goText).join(" ")}\n`],
  ["printf", ([format, ...args]) => goPrintf(goText(format), args)],
  ["eq", ([first, ...others]) => others.some((other) => goText(other) === goText(first))],
  ["ne", ([first, second]) => goText(first) !== goText(second)],
  ["not", ([value]) => !isTrue(value)],
  ["and", (args) => args.find((value) => !isTrue(value)) ?? args.at(-1)],
  ["or", (args) => args.find(isTrue) ?? args.at(-1)],
]);

function functionNamed(name: string): GoFunction {
  const found = FUNCTIONS.get(name);
  if (found !== undefined) return found;
  throw invalid(`function "${name}" is not supported; there are ${[...FUNCTIONS.keys()].join(" ")}`);
}

function checkCalls(nodes: readonly Node[]): void {
  const check = (expression: Expression): void => {
    if (expression.kind === "fieldsOf") check(expression.of);
    if (expression.kind !== "call") return;
    functionNamed(expression.name);
    for (const arg of expression.args) check(arg);
  };
  for (const node of nodes) {
    if (node.kind === "text") continue;
    check(node.value);
    if (node.kind === "print") continue;
    checkCalls(node.body);
    checkCalls(node.otherwise);
  }
}

/** `value` as Go's `%v` has it. */
function goText(value: unknown): string {
  if (value === undefined || value === null) return "<no value>";
  if (Array.isArray(value)) return `[${value.map(goText).join(" ")}]`;
  if (!isRecord(value)) return String(value);
  const members = sorted(value).map(([key, member]) => `${key}:${goText(member)}`);
  return `map[${members.join(" ")}]`;
}

function goPrintf(format: string, args: readonly unknown[]): string {
  const left = [...args];
  return format.replace(/%(.)/g, (verb, letter: string) => {
    if (letter === "%") return "%";
    if (!"svdqt".includes(letter)) throw invalid(`"${verb}" of printf is not supported; there are %s %v %d %q %t`);
    const value = left.shift();
    return letter === "q" ? JSON.stringify(goText(value)) : goText(value);
  });
}

function isTrue(value: unknown): boolean {
  if (Array.isArray(value)) return value.length > 0;
  if (isRecord(value)) return Object.keys(value).length > 0;
  return Boolean(value);
}

function lengthOf(value: unknown): number {
  return typeof value === "string" ? Buffer.byteLength(value) : listOf(value).length;
}

function listOf(value: unknown): readonly unknown[] {
  if (Array.isArray(value)) return value;
  if (value === null || value === undefined) return [];
  throw invalid(`a list was expected but there is "${goText(value)}"`);
}

function entryOf(value: unknown, key: unknown): unknown {
  if (typeof key === "number") {
    const list = listOf(value);
    if (key >= 0 && key < list.length) return list[key];
    throw invalid(`index ${key} is outside of a list of ${list.length}`);
  }
  return isRecord(value) && Object.hasOwn(value, String(key)) ? value[String(key)] : "";
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function sorted(value: Record<string, unknown>): [string, unknown][] {
  return Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
}
