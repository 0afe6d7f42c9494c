/** `--output` and `--push` as docker means them, with what cannot be: two archives or a terminal on standard output. */
import { type OutputSpec, parseOutputSpec } from "../output/parse-output-spec.js";
import { dockerEngine } from "../output/specs.js";
import { optionError } from "./option-error.js";
import type { BuildRequest } from "./options/build-request.js";

/** @throws OPTIONS_… */
export function readOutputs(request: BuildRequest, stdoutIsTTY: boolean): readonly OutputSpec[] {
  const outputs = request.outputs.filter((text) => text !== "").map((text) => withDestination(parseOutputSpec(text)));
  // The same as `--output type=docker`, as docker has it.
  if (request.load) outputs.push(dockerEngine());
  const toStdout = outputs.filter(goesToStdout).length;
  if (toStdout > 1) throw optionError("--output", "only one output can go to standard output");
  if (toStdout === 1 && stdoutIsTTY) {
    const hint = 'Add dest=FILE to --output, or redirect standard output: "ocibuild -o - . > out.tar".';
    throw optionError("--output", "an archive would go to standard output, which is a terminal", hint);
  }
  if (request.iidFile !== undefined && outputs.some(({ type }) => type === "local" || type === "tar")) {
    throw optionError("--iidfile", "--iidfile expected an image, but an output of type local or tar makes none");
  }
  const isNamed = request.tags.length > 0 || outputs.some((spec) => "image" in spec && spec.image.names.length > 0);
  if (request.push && !isNamed) {
    throw optionError("--push", "--push expected a name for the image but got none", "Add --tag HOST/NAME:TAG.");
  }
  return outputs;
}

/** Whether the archive goes to standard output, which then carries nothing else. */
export function goesToStdout(spec: OutputSpec): boolean {
  return "dest" in spec && spec.dest === "-";
}

/** Docker's meaning of an archive without `dest`: standard output. (One for docker goes into its engine.) */
function withDestination(spec: OutputSpec): OutputSpec {
  if (spec.type === "oci" && spec.dest === undefined) {
    if (spec.tar) return { ...spec, dest: "-" };
    throw optionError("--output", "type=oci,tar=false expected dest but got none", "Add dest=FOLDER.");
  }
  if (spec.type === "oci" && !spec.tar && spec.dest === "-") {
    throw optionError("--output", "type=oci,tar=false makes a folder, which cannot go to standard output");
  }
  return spec;
}
