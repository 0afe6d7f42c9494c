/** Description → parts: what stands after the keyword. Instructions of a tree are descriptions too. */
import { trimSpace } from "../whitespace.js";
import type {
  Assignments,
  Command,
  HealthcheckDescription,
  InstructionDescription,
  Name,
  OnbuildDescription,
  PairsDescription,
  RunDescription,
  Text,
  TransferDescription,
} from "./descriptions.js";
import { encodeText, type WordPlace } from "./encode-text.js";
import { flagParts } from "./flag-parts.js";
import type { ArgumentPart, InstructionParts } from "./parts.js";
import { listText, printParts } from "./print-parts.js";

/** The parts of `description`. What it says is not checked: the text they make is, when it is read again. */
export function partsOf(description: InstructionDescription, escapeChar: string): InstructionParts {
  const { kind } = description;
  const encode = (text: Text, place: WordPlace): string => encodeText(text, escapeChar, place);
  const base = { kind, flags: flagParts(description, escapeChar), isList: false, bodies: [] };
  const one = (text: string): InstructionParts => ({ ...base, args: [part("argument", text)] });
  switch (description.kind) {
    case "FROM": {
      const { image, as } = description;
      const name = as === undefined ? [] : [{ key: "as", lead: " AS ", text: nameText(as) }];
      return { ...base, args: [part("image", encode(image, "bare")), ...name] };
    }
    case "ARG":
      return { ...base, args: argParts(description.args, escapeChar) };
    case "ENV":
    case "LABEL":
      return { ...base, args: pairParts(description.pairs, escapeChar) };
    case "RUN":
      return { ...base, ...runParts(description) };
    case "COPY":
    case "ADD":
      return { ...base, ...transferParts(description, escapeChar) };
    case "WORKDIR":
      return one(encode(description.path, "line"));
    case "USER":
      return one(encode(description.user, "line"));
    case "STOPSIGNAL":
      return one(encode(description.signal, "line"));
    case "MAINTAINER":
      return one(description.maintainer);
    case "EXPOSE": {
      const ports = description.ports.map((port) => (typeof port === "number" ? String(port) : encode(port, "bare")));
      return { ...base, args: ports.map((port, index) => part(`port ${index}`, port)) };
    }
    case "VOLUME": {
      const paths = description.paths.map((path) => encode(path, "bare"));
      return { ...base, isList: true, args: paths.map((path, index) => part(`path ${index}`, path)) };
    }
    case "CMD":
    case "ENTRYPOINT":
      return { ...base, args: [commandPart(description.command)] };
    case "SHELL":
      return { ...base, args: [commandPart(description.args)] };
    case "HEALTHCHECK":
      return { ...base, args: [checkPart(description)] };
    case "ONBUILD":
      return { ...base, ...onbuildParts(description, escapeChar) };
    default:
      return description satisfies never;
  }
}

function part(key: string, text: string): ArgumentPart {
  return { key, lead: " ", text };
}

function nameText(name: Name): string {
  return typeof name === "string" ? name : name.value;
}

function entriesOf<V>(values: Assignments<V>): readonly (readonly [string, V])[] {
  return values instanceof Map ? [...values] : Object.entries(values);
}

function argParts(
  args: Extract<InstructionDescription, { kind: "ARG" }>["args"],
  escapeChar: string,
): readonly ArgumentPart[] {
  const list = Array.isArray(args)
    ? args
    : entriesOf(args as Assignments<Text | undefined>).map(([name, value]) => ({ name, value }));
  return list.map(({ name, value }: { readonly name: Name; readonly value?: Text | undefined }) => {
    const key = nameText(name);
    return part(key, value === undefined ? key : `${key}=${encodeText(value, escapeChar, "quotable")}`);
  });
}

function pairParts(pairs: PairsDescription<"ENV">["pairs"], escapeChar: string): readonly ArgumentPart[] {
  const list = Array.isArray(pairs)
    ? (pairs as Exclude<typeof pairs, Assignments<Text>>)
    : entriesOf(pairs as Assignments<Text>).map(([key, value]) => ({ key, value, delimited: true }));
  return list.map(({ key, value, delimited }) => {
    const name = encodeText(key, escapeChar, "quotable");
    if (delimited !== false) return part(name, `${name}=${encodeText(value, escapeChar, "quotable")}`);
    return part(name, `${name} ${encodeText(value, escapeChar, "line")}`);
  });
}

function runParts({ command, script, heredocs }: RunDescription): Pick<InstructionParts, "args" | "bodies"> {
  if (heredocs !== undefined && heredocs.length > 0 && command !== undefined && typeof script !== "string") {
    const bodies = heredocs.map(({ name, content }) => ({ name, content }));
    return { args: [commandPart(command)], bodies };
  }
  if (script === undefined) return { args: [commandPart(command ?? "")], bodies: [] };
  const { name, content } = typeof script === "string" ? { name: freeName(script), content: script } : script;
  const lines = content === "" || content.endsWith("\n") ? content : `${content}\n`;
  return { args: [commandPart(`<<${name}`)], bodies: [{ name, content: lines }] };
}

/** A delimiter that no line of `content` is. */
function freeName(content: string): string {
  const lines = new Set(content.split(/\r*\n/));
  let name = "EOF";
  for (let count = 2; lines.has(name); count++) name = `EOF${count}`;
  return name;
}

function transferParts(
  { sources = [], contents = [], destination }: TransferDescription<"COPY" | "ADD">,
  escapeChar: string,
): Pick<InstructionParts, "isList" | "args" | "bodies"> {
  const named = contents.map(({ name = "EOF", content, expand = false }) => ({ name, content, expand }));
  return {
    isList: contents.length === 0,
    args: [
      ...sources.map((source, index) => part(`source ${index}`, encodeText(source, escapeChar, "bare"))),
      ...named.map(({ name, expand }, index) => part(`content ${index}`, expand ? `<<${name}` : `<<"${name}"`)),
      part("destination", encodeText(destination, escapeChar, "bare")),
    ],
    bodies: named.map(({ name, content }) => ({ name, content })),
  };
}

/** The key tells the forms apart: `["a"]` may be either. */
function commandPart(command: Command): ArgumentPart {
  if (typeof command === "string") return part("shell", trimSpace(command));
  if (!("form" in command)) return part("exec", listText(command));
  return command.form === "exec" ? part("exec", listText(command.args)) : part("shell", command.line);
}

function checkPart({ check }: HealthcheckDescription): ArgumentPart {
  if (check === "none" || ("type" in check && check.type === "none")) return part("none", "NONE");
  const { key, text } = commandPart(check.command);
  return part(key, `CMD ${text}`);
}

function onbuildParts({ trigger }: OnbuildDescription, escapeChar: string): Pick<InstructionParts, "args" | "bodies"> {
  const text = typeof trigger === "string" ? trigger : printParts(partsOf(trigger, escapeChar), { escape: escapeChar });
  const [line = "", ...below] = text.split("\n");
  const last = below.pop();
  const bodies = last === undefined ? [] : [{ name: last, content: below.map((row) => `${row}\n`).join("") }];
  return { args: [part("trigger", line)], bodies };
}
