/** The Dockerfile parser, and edits of what it read. */
import { assertValid } from "../../../src/dockerfile/assert-valid.js";
import type { Dockerfile, Instruction } from "../../../src/dockerfile/ast.js";
import { editDockerfile, formatDockerfile } from "../../../src/dockerfile/edit/edit-dockerfile.js";
import {
  appendToStage,
  insertAfter,
  insertBefore,
  remove,
  replaceInstruction,
  updateInstruction,
} from "../../../src/dockerfile/edit/edits.js";
import { instructionsOf } from "../../../src/dockerfile/edit/file-style.js";
import { formatInstruction } from "../../../src/dockerfile/edit/format-instruction.js";
import { parseDockerfile, parseInstruction } from "../../../src/dockerfile/parse.js";
import { resolveMount } from "../../../src/dockerfile/resolve-mount.js";
import type { Span } from "../../../src/errors.js";
import { locate } from "../../../src/util/source-text.js";
import { conformanceDockerfiles } from "../../support/conformance-dockerfiles.js";
import type { Random } from "../random.js";
import { answer, check, type Target } from "../target.js";

/** The conformance cases. */
export function dockerfiles(): readonly string[] {
  return [...conformanceDockerfiles().values()];
}

const DICTIONARY = [
  ..."FROM RUN COPY ADD ENV ARG LABEL CMD ENTRYPOINT SHELL VOLUME HEALTHCHECK ONBUILD EXPOSE USER WORKDIR STOPSIGNAL".split(
    " ",
  ),
  ..."MAINTAINER NONE AS scratch -- --link --from=a --mount=type=cache,target=/x --chown=1:1 --exclude=* --platform=$X".split(
    " ",
  ),
  ..."<<EOF <<-EOF <<'EOF' 3<<EOF EOF $X ${X} ${X:-y} ${X//a/b} ${ __proto__ constructor # syntax= escape=` check=skip=all".split(
    " ",
  ),
  ...[
    "\nFROM a AS b\n",
    "\nRUN <<EOF\n",
    "\nEOF\n",
    " \\\n",
    "`\n",
    "\r\n",
    '["a", "b"]',
    "[",
    "\n# escape=`\n",
    "\n\n",
  ],
  ...["\n# x\n", "COPY <<a <<b /c\n1\na\n2\nb\n", "A=1 B='2' C=\"3\" ", "\\", "\ufeff", "--interval=1s ", "ONBUILD "],
];

export function parserTarget(corpus: readonly string[]): Target {
  return {
    name: "parser",
    corpus,
    dictionary: DICTIONARY,
    maxLength: 1500,
    run(text) {
      const dockerfile = parseDockerfile({ name: "Dockerfile", text });
      checkTree(dockerfile, text);
      for (const instruction of instructionsOf(dockerfile)) checkMounts(instruction);
      parseInstruction("trigger", text);
      answer(["DOCKERFILE_INVALID"], () => {
        assertValid(dockerfile);
        return "";
      });
      return shapeOf(dockerfile);
    },
  };
}

function checkTree(dockerfile: Dockerfile, text: string): void {
  const { diagnostics, comments, source, directives, rejected } = dockerfile;
  const inside = ({ start, end }: Span): boolean => 0 <= start && start <= end && end <= text.length;
  const all = instructionsOf(dockerfile);
  for (const { span } of [...diagnostics, ...comments, ...directives, ...rejected, ...all]) {
    check(inside(span), () => `span ${span.start}..${span.end} of ${text.length}`);
    locate(source, span);
  }
  for (const [index, { span }] of all.entries()) {
    check(index === 0 || all[index - 1]!.span.end <= span.start, () => "instructions overlap");
  }
  const errors = diagnostics.filter(({ severity }) => severity === "error");
  check(dockerfile.stages.length > 0 || errors.length > 0, () => "neither a stage nor an error");
  check(formatDockerfile(dockerfile) === text, () => "the text is not given back");
}

function checkMounts(instruction: Instruction): void {
  if (instruction.kind === "RUN") for (const mount of instruction.mounts) resolveMount(mount, (value) => value);
}

/** Kinds and problems: what tells one path through the parser from another. */
function shapeOf(dockerfile: Dockerfile): string {
  const kinds = new Set(
    instructionsOf(dockerfile).map(({ kind, flags, heredocs }) => `${kind}${flags.length > 0}${heredocs.length > 0}`),
  );
  const codes = new Set(dockerfile.diagnostics.map(({ code }) => code));
  return [...kinds, ...codes].sort().join();
}

export function editTarget(corpus: readonly string[]): Target {
  return {
    name: "edit",
    corpus,
    dictionary: DICTIONARY,
    maxLength: 1500,
    run(text, random) {
      const dockerfile = parseDockerfile({ name: "Dockerfile", text });
      const all = instructionsOf(dockerfile);
      if (all.length === 0) return "none";
      const target = random.pick(all);
      const other = random.pick(all);
      const same = editDockerfile(dockerfile, [updateInstruction(target as Instruction & { kind: "RUN" }, {})]);
      check(formatDockerfile(same) === text, () => `an edit that changes nothing changed ${target.text}`);
      const written = answer(["DOCKERFILE_EDIT"], () => formatInstruction(target, { escape: dockerfile.escape }));
      return `${target.kind} ${written === "DOCKERFILE_EDIT"} ${tryEdits(dockerfile, target, other, random)}`;
    },
  };
}

function tryEdits(dockerfile: Dockerfile, target: Instruction, other: Instruction, random: Random): string {
  const edits = [
    () => replaceInstruction(target, other),
    () => insertBefore(target, other, "# a comment"),
    () => insertAfter(target, other),
    () => remove(target, { comments: random.below(2) === 0 }),
    () => updateInstruction(target as Instruction & { kind: "RUN" }, other.kind === target.kind ? { ...other } : {}),
    () => appendToStage(random.pick(dockerfile.stages), other),
  ];
  const which = random.below(dockerfile.stages.length === 0 ? 5 : 6);
  const result = answer(["DOCKERFILE_EDIT"], () => formatDockerfile(editDockerfile(dockerfile, [edits[which]!()])));
  return `${which} ${result === "DOCKERFILE_EDIT"}`;
}
