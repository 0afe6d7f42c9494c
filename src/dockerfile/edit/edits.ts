/** Edits as values: what is to change, addressed to nodes of one tree. `editDockerfile` makes them. */
import type { ArgInstruction, EnvInstruction, Instruction, LabelInstruction, Pair, Stage } from "../ast.js";
import type { DescriptionOf, InstructionDescription, PairsDescription, Text } from "./descriptions.js";

/**
 * What stands in a Dockerfile: a described instruction, which gets the file's style, or text (instructions, comments,
 * blank lines) that is taken as it is.
 */
export type Content = InstructionDescription | string;

/** One edit. Made by the functions of this file. */
export type Edit =
  | { readonly type: "replace"; readonly target: Instruction; readonly by: readonly Content[] }
  | {
      readonly type: "insert";
      readonly target: Instruction;
      readonly side: "before" | "after";
      readonly content: readonly Content[];
    }
  | { readonly type: "remove"; readonly target: Instruction | Stage; readonly comments: boolean }
  | {
      readonly type: "update";
      readonly target: Instruction;
      readonly change: (now: InstructionDescription) => InstructionDescription;
    }
  | { readonly type: "appendStage"; readonly content: readonly Content[] }
  | { readonly type: "setDirective"; readonly name: "syntax" | "check"; readonly value: string };

/** Puts other content in the place of `target`; comments above it stay. */
export function replaceInstruction(target: Instruction, ...by: readonly [Content, ...Content[]]): Edit {
  return { type: "replace", target, by };
}

/** Adds lines above `target` and above the comments that stand right above it. */
export function insertBefore(target: Instruction, ...content: readonly [Content, ...Content[]]): Edit {
  return { type: "insert", target, side: "before", content };
}

/** Adds lines below `target`. */
export function insertAfter(target: Instruction, ...content: readonly [Content, ...Content[]]): Edit {
  return { type: "insert", target, side: "after", content };
}

/** Adds lines below the last instruction of `stage`. */
export function appendToStage(stage: Stage, ...content: readonly [Content, ...Content[]]): Edit {
  return insertAfter(stage.instructions[stage.instructions.length - 1] ?? stage.from, ...content);
}

/** Adds a stage at the end of the file, with a blank line above. */
export function appendStage(...content: readonly [Content, ...Content[]]): Edit {
  return { type: "appendStage", content };
}

/**
 * Takes away the lines of an instruction, or of a stage from its FROM to its last instruction. With `comments`, also the
 * comment lines right above.
 */
export function remove(target: Instruction | Stage, options: { readonly comments?: boolean } = {}): Edit {
  return { type: "remove", target, comments: options.comments ?? false };
}

/**
 * Changes fields of `target` and nothing else of it: `updateInstruction(from, { image: "node:24" })` keeps platform, name
 * and spacing. A field set to `undefined` goes. A new `command` of a RUN drops its heredocs.
 */
export function updateInstruction<K extends Instruction["kind"]>(
  target: Extract<Instruction, { readonly kind: K }>,
  changes: { readonly [F in keyof Omit<DescriptionOf<K>, "kind">]?: DescriptionOf<K>[F] | undefined },
): Edit {
  const dropped = target.kind === "RUN" && ("command" in changes || "script" in changes);
  const cleared = dropped ? { command: undefined, script: undefined, heredocs: undefined } : {};
  return {
    type: "update",
    target,
    change: (now) => ({ ...now, ...cleared, ...changes }) as InstructionDescription,
  };
}

/**
 * Sets the value of one name in `target` and keeps the others, or adds it. `undefined` takes the pair of ENV and LABEL
 * away, and the default value of ARG.
 */
export function setValue(
  target: ArgInstruction | EnvInstruction | LabelInstruction,
  name: string,
  value: Text | undefined,
): Edit {
  return {
    type: "update",
    target,
    change: (now) => {
      if (now.kind === "ARG")
        return { kind: "ARG", args: withDefault(now.args as ArgInstruction["args"], name, value) };
      const { kind, pairs } = now as PairsDescription<"ENV">;
      return { kind, pairs: withPair(pairs as readonly Pair[], name, value) };
    },
  };
}

type ArgList = Extract<DescriptionOf<"ARG">["args"], readonly unknown[]>;
type PairList = Extract<PairsDescription<"ENV">["pairs"], readonly unknown[]>;

function withDefault(args: ArgList, name: string, value: Text | undefined): ArgList {
  const isIt = (arg: ArgList[number]): boolean => written(arg.name) === name;
  if (!args.some(isIt)) return [...args, { name, value }];
  return args.map((arg) => (isIt(arg) ? { name: arg.name, value } : arg));
}

function withPair(pairs: PairList, name: string, value: Text | undefined): PairList {
  const isIt = (pair: PairList[number]): boolean => written(pair.key) === name;
  if (value === undefined) return pairs.filter((pair) => !isIt(pair));
  if (pairs.some(isIt)) return pairs.map((pair) => (isIt(pair) ? { ...pair, value } : pair));
  return [...pairs.map(delimited), { key: name, value }];
}

function written(text: Text): string | undefined {
  if (typeof text === "string") return text;
  return "value" in text ? text.value : undefined;
}

/** `ENV name some value` takes no second pair: as `name="some value"` it does. */
function delimited(pair: PairList[number]): PairList[number] {
  const { key, value } = pair;
  if (pair.delimited !== false) return pair;
  const text = written(value) ?? "";
  return { key, value: /["'\\`]/.test(text) ? value : { value: /\s/.test(text) ? `"${text}"` : text } };
}

/** Sets the directive `# name=value`: in place, or as the first line (below other directives and `#!`). */
export function setDirective(name: "syntax" | "check", value: string): Edit {
  return { type: "setDirective", name, value };
}
