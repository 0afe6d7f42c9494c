/**
 * Dockerfile + edits → Dockerfile. The text is changed at the places named and nowhere else, then read again; what it
 * says must be what was asked for, or nothing is changed.
 */
import { OcibuildError } from "../../errors.js";
import type { Dockerfile, Instruction } from "../ast.js";
import { parseDockerfile } from "../parse.js";
import type { InstructionDescription } from "./descriptions.js";
import type { Edit } from "./edits.js";
import { fileStyle, indentationOf, instructionsOf } from "./file-style.js";
import { partsOf } from "./instruction-parts.js";
import { type LinePlaces, linePlaces } from "./line-places.js";
import type { InstructionParts } from "./parts.js";
import { rewriteInstruction } from "./rewrite-instruction.js";
import { applyChanges, type TextChange } from "./text-change.js";
import { createWriter, type Writer, type Written } from "./write-content.js";

/** The exact text of `dockerfile`: that of the file it was read from, with what edits changed. */
export function formatDockerfile(dockerfile: Dockerfile): string {
  return dockerfile.source.text;
}

/** What the edits make of each instruction, and of the file. */
interface Editing {
  readonly dockerfile: Dockerfile;
  readonly places: LinePlaces;
  readonly writer: Writer;
  readonly changes: TextChange[];
  readonly before: Map<Instruction, InstructionParts[]>;
  /** Instead of the instruction itself. */
  readonly instead: Map<Instruction, readonly InstructionParts[]>;
  readonly after: Map<Instruction, InstructionParts[]>;
  readonly end: InstructionParts[];
  readonly directives: Map<string, string>;
}

/**
 * A new tree with `edits` made. Comments, blanks, line endings and the case of keywords stay as they are wherever no edit
 * touches them. All edits name nodes of `dockerfile`; those that add at one place keep their order.
 *
 * @example
 * const [stage] = dockerfile.stages;
 * const edited = editDockerfile(dockerfile, [updateInstruction(stage.from, { image: "node:24" })]);
 * await writeFile("Dockerfile", formatDockerfile(edited));
 * @throws DOCKERFILE_EDIT
 */
export function editDockerfile(dockerfile: Dockerfile, edits: readonly Edit[]): Dockerfile {
  const style = fileStyle(dockerfile);
  const editing: Editing = {
    dockerfile,
    places: linePlaces(dockerfile, style.newline),
    writer: createWriter(dockerfile, style),
    changes: [],
    before: new Map(),
    instead: new Map(),
    after: new Map(),
    end: [],
    directives: new Map(dockerfile.directives.map(({ name, value }) => [name, value])),
  };
  const known = new Set<unknown>([...instructionsOf(dockerfile), ...dockerfile.stages]);
  const updates = new Map<Instruction, InstructionDescription>();
  for (const edit of edits) {
    if ("target" in edit && !known.has(edit.target)) {
      throw cannot(
        "an edit names a node of another Dockerfile",
        "find the node in the tree that is edited: edits make a new tree",
      );
    }
    if (edit.type === "update") updates.set(edit.target, edit.change(updates.get(edit.target) ?? edit.target));
    else addEdit(editing, edit);
  }
  for (const [target, wanted] of updates) update(editing, target, wanted);
  return readBack(editing);
}

function addEdit(editing: Editing, edit: Exclude<Edit, { readonly type: "update" }>): void {
  const { places, writer } = editing;
  switch (edit.type) {
    case "insert":
      insert(editing, edit.target, edit.side, writer.write(edit.content, edit.target));
      break;
    case "replace": {
      const { text, parts } = writer.write(edit.by, edit.target);
      const indentation = indentationOf(places.text, edit.target);
      const bare = text.startsWith(indentation) ? text.slice(indentation.length) : text;
      editing.changes.push({ ...edit.target.span, text: bare.replace(/\r?\n$/, "") });
      editing.instead.set(edit.target, parts);
      break;
    }
    case "remove":
      remove(editing, edit.target, edit.comments);
      break;
    case "appendStage": {
      const { text, parts } = writer.write(edit.content, undefined);
      const at = places.text.length;
      const isBelowBlank = at === 0 || /\n[ \t]*\r?\n$/.test(places.text) || editing.end.length > 0;
      editing.changes.push({ start: at, end: at, text: (isBelowBlank ? "" : writer.newline) + text });
      editing.end.push(...parts);
      break;
    }
    case "setDirective":
      setDirective(editing, edit.name, edit.value);
      break;
  }
}

function insert(editing: Editing, target: Instruction, side: "before" | "after", { text, parts }: Written): void {
  const { places, changes } = editing;
  if (side === "after" && places.restOfLine(target.span) !== "") {
    throw cannot(
      `the line of ${target.keyword.value} goes on below, so nothing can be added after it`,
      "remove the escape character at the end of the file",
    );
  }
  const at = side === "before" ? places.lineStart(target.span, true) : places.lineEnd(target.span);
  changes.push({ start: at, end: at, text });
  const list = editing[side].get(target) ?? [];
  list.push(...parts);
  editing[side].set(target, list);
}

function remove(
  editing: Editing,
  target: Instruction | Extract<Edit, { type: "remove" }>["target"],
  comments: boolean,
): void {
  const { places, changes, instead } = editing;
  const removed = "kind" in target ? [target] : [target.from, ...target.instructions];
  const first = removed[0]!;
  const last = removed[removed.length - 1]!;
  changes.push({ start: places.lineStart(first.span, comments), end: places.lineEnd(last.span), text: "" });
  for (const instruction of removed) instead.set(instruction, []);
}

function update(
  { dockerfile, writer, changes, instead }: Editing,
  target: Instruction,
  wanted: InstructionDescription,
): void {
  const parts = partsOf(wanted, dockerfile.escape);
  changes.push(...rewriteInstruction(dockerfile.source.text, target, parts, writer.styleOf(target)));
  instead.set(target, [parts]);
}

function setDirective({ dockerfile, places, writer, changes, directives }: Editing, name: string, value: string): void {
  const old = dockerfile.directives.find((directive) => directive.name === name);
  directives.set(name, value);
  if (old === undefined) {
    const at = places.belowDirectives;
    changes.push({ start: at, end: at, text: `# ${name}=${value}${writer.newline}` });
    return;
  }
  const { start, end } = old.span;
  const at = places.text.indexOf(old.value, places.text.indexOf("=", start) + 1);
  changes.push({ start: at, end: Math.min(end, at + old.value.length), text: value });
}

/** The tree of the changed text, which must say what the edits mean. */
function readBack(editing: Editing): Dockerfile {
  const { dockerfile, places, changes, writer } = editing;
  if (changes.length === 0) return dockerfile;
  let text = applyChanges(places.text, changes);
  if (text === undefined) throw cannot("two edits change the same place", "make them one after the other");
  const { source, escape: escapeChar } = dockerfile;
  if (source.text !== "" && !source.text.endsWith("\n") && text.endsWith(writer.newline)) {
    text = text.slice(0, -writer.newline.length);
  }
  const edited = parseDockerfile({ name: source.name, text });
  const got = instructionsOf(edited).map((instruction) => JSON.stringify(partsOf(instruction, escapeChar)));
  const wanted = expectedParts(editing).map((parts) => JSON.stringify(parts));
  const wrong = wanted.findIndex((parts, index) => parts !== got[index]);
  const directives = new Map(edited.directives.map(({ name, value }) => [name, value]));
  const sameTop = [...editing.directives].every(([name, value]) => directives.get(name) === value);
  if (wrong !== -1 || got.length !== wanted.length || directives.size !== editing.directives.size || !sameTop) {
    const what = wrong === -1 ? "it would have other instructions or directives" : `not as ${wanted[wrong]}`;
    throw cannot(`the edited Dockerfile would be read in another way: ${what}`, "edit it by hand", text);
  }
  return edited;
}

function expectedParts({ dockerfile, before, instead, after, end }: Editing): readonly InstructionParts[] {
  return [
    ...instructionsOf(dockerfile).flatMap((instruction) => [
      ...(before.get(instruction) ?? []),
      ...(instead.get(instruction) ?? [partsOf(instruction, dockerfile.escape)]),
      ...(after.get(instruction) ?? []),
    ]),
    ...end,
  ];
}

function cannot(message: string, hint: string, text = ""): OcibuildError<"DOCKERFILE_EDIT"> {
  return new OcibuildError("DOCKERFILE_EDIT", message, { details: { text: text.slice(0, 200) }, hint });
}
