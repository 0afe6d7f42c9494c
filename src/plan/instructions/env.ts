/** ARG, ENV and LABEL: names and values. */
import type { ArgDefinition, ArgInstruction, EnvInstruction, LabelInstruction, Pair } from "../../dockerfile/ast.js";
import { NO_VARIABLES } from "../builder-args.js";
import { lintSecretName } from "../lint/lint-secret-name.js";
import { at } from "../problem.js";
import { addConfigStep, expand, type Scope, whereOf } from "./scope.js";

export function planEnv(scope: Scope, instruction: EnvInstruction): void {
  const pairs = expandPairs(scope, instruction.pairs);
  const { draft } = scope;
  for (const [index, { name, value }] of pairs.entries()) {
    lintPair(scope, instruction.pairs[index]!);
    lintSecretName(scope, "ENV", name);
    at(scope.command.where, () => draft.env.set(name, value));
    draft.image.env.set(name, `${name}=${value}`);
  }
  addConfigStep(scope, historyOf("ENV", pairs));
}

export function planLabel(scope: Scope, instruction: LabelInstruction): void {
  const pairs = expandPairs(scope, instruction.pairs);
  for (const pair of instruction.pairs) lintPair(scope, pair);
  for (const { name, value } of pairs) scope.draft.image.labels.set(name, value);
  addConfigStep(scope, historyOf("LABEL", pairs));
}

export function planArg(scope: Scope, instruction: ArgInstruction): void {
  const { draft } = scope;
  const words = instruction.args.map((definition) => {
    const name = definition.name.value;
    lintSecretName(scope, "ARG", name);
    const value = argValue(scope, definition);
    noteArg(scope, definition, value);
    if (value !== undefined && !NO_VARIABLES.has(name)) {
      at(whereOf(scope, definition.name), () => draft.env.set(name, value));
    }
    draft.buildArgs.set(name, value ?? "");
    return value === undefined ? name : `${name}=${value}`;
  });
  addConfigStep(scope, `ARG ${words.join(" ")}`);
}

/** `--build-arg`, else the default, else the value in the global scope. */
function argValue(scope: Scope, { name, value }: ArgDefinition): string | undefined {
  const { buildArgs, globalArgs } = scope.context;
  const given = buildArgs.get(name.value);
  if (given !== undefined) return given;
  return value === undefined ? globalArgs.get(name.value) : expand(scope, value);
}

/** What the global scope declares stays as it is declared there. */
function noteArg({ draft, context, command }: Scope, definition: ArgDefinition, value: string | undefined): void {
  const name = definition.name.value;
  const isInherited =
    definition.value === undefined && !context.buildArgs.has(name) && context.globalArgs.get(name) !== undefined;
  const { args, usedArgs } = draft.outline;
  if (!isInherited) args.set(name, { definition, value: value ?? "", span: command.where.span, uses: new Set() });
  usedArgs.add(name);
}

function lintPair({ command, lint }: Scope, { delimited }: Pair): void {
  if (!delimited) lint.report("LegacyKeyValueFormat", command.where.span, command.instruction.keyword.value);
}

interface NameAndValue {
  readonly name: string;
  readonly value: string;
}

/** All with the variables as they are before this instruction. */
function expandPairs(scope: Scope, pairs: readonly Pair[]): readonly NameAndValue[] {
  return pairs.map(({ key, value }) => ({ name: expand(scope, key), value: expand(scope, value) }));
}

function historyOf(keyword: string, pairs: readonly NameAndValue[]): string {
  return [keyword, ...pairs.map(({ name, value }) => `${name}=${value}`)].join(" ");
}
