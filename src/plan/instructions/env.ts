/** ARG, ENV and LABEL: names and values. */
import type { ArgDefinition, ArgInstruction, EnvInstruction, LabelInstruction, Pair } from "../../dockerfile/ast.js";
import { at } from "../problem.js";
import { addConfigStep, expand, type Scope, whereOf } from "./scope.js";

/** Build args that steer the builder and are never variables. */
const NO_VARIABLES: ReadonlySet<string> = new Set(["BUILDKIT_SBOM_SCAN_CONTEXT", "BUILDKIT_SBOM_SCAN_STAGE"]);

export function planEnv(scope: Scope, instruction: EnvInstruction): void {
  const pairs = expandPairs(scope, instruction.pairs);
  const { draft } = scope;
  for (const { name, value } of pairs) {
    at(scope.command.where, () => draft.env.set(name, value));
    draft.image.env.set(name, `${name}=${value}`);
  }
  addConfigStep(scope, historyOf("ENV", pairs));
}

export function planLabel(scope: Scope, instruction: LabelInstruction): void {
  const pairs = expandPairs(scope, instruction.pairs);
  for (const { name, value } of pairs) scope.draft.image.labels.set(name, value);
  addConfigStep(scope, historyOf("LABEL", pairs));
}

export function planArg(scope: Scope, instruction: ArgInstruction): void {
  const { draft } = scope;
  const words = instruction.args.map((definition) => {
    const name = definition.name.value;
    const value = argValue(scope, definition);
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
