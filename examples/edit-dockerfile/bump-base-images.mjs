// Sets the tags of base images: node bump-base-images.mjs Dockerfile nginx=1.27 golang=1.23-bookworm NODE_VERSION=24.1.0
// `name=value` is the tag of an image, or the default value of an ARG. The new text goes to standard output.
import { readFileSync } from "node:fs";
import {
  assertValid,
  editDockerfile,
  formatDockerfile,
  parseDockerfile,
  setValue,
  updateInstruction,
} from "ocibuild/dockerfile";

const [path = "Dockerfile", ...settings] = process.argv.slice(2);
const wanted = new Map(settings.map((setting) => setting.split("=", 2)));

const dockerfile = parseDockerfile({ name: path, text: readFileSync(path, "utf8") });
assertValid(dockerfile);

/** `nginx:1.25@sha256:…` with the tag asked for; `undefined` when none is. */
function bumped(image) {
  const [name] = image.split(/[:@]/, 1);
  return wanted.has(name) && !image.includes("$") ? `${name}:${wanted.get(name)}` : undefined;
}

const stages = new Set(dockerfile.stages.map((stage) => stage.name));
const edits = [];
for (const instruction of dockerfile.globalArgs) {
  for (const { name } of instruction.args) {
    if (wanted.has(name.value)) edits.push(setValue(instruction, name.value, wanted.get(name.value)));
  }
}
for (const { from, instructions } of dockerfile.stages) {
  const image = stages.has(from.image.value) ? undefined : bumped(from.image.value);
  if (image !== undefined) edits.push(updateInstruction(from, { image }));
  for (const instruction of instructions) {
    if (instruction.kind !== "COPY" || instruction.from === undefined || stages.has(instruction.from.value)) continue;
    const source = bumped(instruction.from.value);
    if (source !== undefined) edits.push(updateInstruction(instruction, { from: source }));
  }
}
process.stdout.write(formatDockerfile(editDockerfile(dockerfile, edits)));
