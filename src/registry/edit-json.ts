/** Changes one member of a JSON text and leaves every other byte as it is: files that people and other programs share. */

interface Member {
  readonly key: string;
  /** Of the opening quote of the key. */
  readonly start: number;
  readonly valueStart: number;
  readonly end: number;
}

/**
 * The text with the member at `path` set to `value`, or without it when `value` is undefined. Objects on the way are made
 * when they are missing. `text` is valid JSON and an object; of members with equal names the last one counts.
 * @throws TypeError when something on the way is no object
 */
export function editJson(text: string, path: readonly [string, ...string[]], value: unknown): string {
  return editObject(text, skipSpace(text, 0), path, value, indentOf(text), "");
}

/** The members of the object that starts at `at`, in their order. */
function membersOf(text: string, at: number): { readonly members: readonly Member[]; readonly end: number } {
  if (text[at] !== "{") throw new TypeError("expected an object");
  const members: Member[] = [];
  let next = skipSpace(text, at + 1);
  while (text[next] !== "}") {
    const start = next;
    const keyEnd = skipString(text, start);
    const valueStart = skipSpace(text, skipSpace(text, keyEnd) + 1);
    const end = skipValue(text, valueStart);
    members.push({ key: JSON.parse(text.slice(start, keyEnd)) as string, start, valueStart, end });
    next = skipSpace(text, end);
    if (text[next] === ",") next = skipSpace(text, next + 1);
  }
  return { members, end: next + 1 };
}

function editObject(
  text: string,
  at: number,
  [key, ...rest]: readonly [string, ...string[]],
  value: unknown,
  indent: string,
  outer: string,
): string {
  const { members, end } = membersOf(text, at);
  const found = members.findLast((member) => member.key === key);
  const [next, ...more] = rest;
  const inner = outer + indent;
  if (found === undefined) {
    if (value === undefined) return text;
    const added = rest.reduceRight((content, name) => ({ [name]: content }), value);
    return addMember(text, at, members, end, `${JSON.stringify(key)}: ${format(added, indent, inner)}`, indent, outer);
  }
  const isNull = text.startsWith("null", found.valueStart);
  if (next !== undefined && isNull) {
    if (value === undefined) return text;
    const content = rest.reduceRight((inside, name) => ({ [name]: inside }), value);
    return text.slice(0, found.valueStart) + format(content, indent, inner) + text.slice(found.end);
  }
  if (next !== undefined) return editObject(text, found.valueStart, [next, ...more], value, indent, inner);
  if (value !== undefined)
    return text.slice(0, found.valueStart) + format(value, indent, inner) + text.slice(found.end);
  const after = members[members.indexOf(found) + 1];
  const before = members[members.indexOf(found) - 1];
  const without =
    after !== undefined
      ? text.slice(0, found.start) + text.slice(after.start)
      : text.slice(0, before?.end ?? at + 1) + text.slice(before === undefined ? end - 1 : found.end);
  // Another one of that name would count from now on.
  return editObject(without, at, [key], undefined, indent, outer);
}

function addMember(
  text: string,
  at: number,
  members: readonly Member[],
  end: number,
  member: string,
  indent: string,
  outer: string,
): string {
  const last = members.at(-1);
  const lineBreak = indent === "" ? "" : "\n";
  if (last === undefined) {
    return `${text.slice(0, at + 1)}${lineBreak}${outer}${indent}${member}${lineBreak}${outer}${text.slice(end - 1)}`;
  }
  return `${text.slice(0, last.end)},${lineBreak}${outer}${indent}${member}${text.slice(last.end)}`;
}

function format(value: unknown, indent: string, outer: string): string {
  const text = JSON.stringify(value, undefined, indent);
  return text.replaceAll("\n", `\n${outer}`);
}

/** What the text's first member is indented with; nothing where everything is in one line, a tab in an empty object. */
function indentOf(text: string): string {
  const first = /^\s*\{(\s*)("|\})/.exec(text);
  if (first === null || first[2] === "}") return "\t";
  const space = first[1]!;
  return space.includes("\n") ? space.slice(space.lastIndexOf("\n") + 1) : "";
}

function skipSpace(text: string, at: number): number {
  let next = at;
  while (text[next] === " " || text[next] === "\n" || text[next] === "\t" || text[next] === "\r") next++;
  return next;
}

function skipString(text: string, at: number): number {
  let next = at + 1;
  while (text[next] !== '"') next += text[next] === "\\" ? 2 : 1;
  return next + 1;
}

function skipValue(text: string, at: number): number {
  if (text[at] === '"') return skipString(text, at);
  let depth = 0;
  for (let next = at; next < text.length; ) {
    const char = text[next]!;
    if (char === '"') {
      next = skipString(text, next);
      continue;
    }
    if (char === "{" || char === "[") depth++;
    else if (char === "}" || char === "]" || char === ",") {
      if (depth === 0) return trimEnd(text, next);
      if (char !== ",") depth--;
      if (depth === 0 && char !== ",") return next + 1;
    }
    next++;
  }
  return trimEnd(text, text.length);
}

function trimEnd(text: string, end: number): number {
  let next = end;
  while (/\s/.test(text[next - 1] ?? "")) next--;
  return next;
}
