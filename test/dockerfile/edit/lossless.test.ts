/** What holds for all Dockerfiles and all edits. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Dockerfile, Instruction } from "../../../src/dockerfile/ast.js";
import { editDockerfile, formatDockerfile } from "../../../src/dockerfile/edit/edit-dockerfile.js";
import {
  appendStage,
  type Edit,
  insertAfter,
  insertBefore,
  remove,
  replaceInstruction,
  updateInstruction,
} from "../../../src/dockerfile/edit/edits.js";
import { formatInstruction } from "../../../src/dockerfile/edit/format-instruction.js";
import { partsOf } from "../../../src/dockerfile/edit/instruction-parts.js";
import { isOcibuildError } from "../../../src/errors.js";
import { conformanceDockerfiles } from "../../support/conformance-dockerfiles.js";
import { allInstructions, parse } from "../../support/dockerfile.js";
import { runs } from "../../support/runs.js";
import { dockerfileText } from "../arbitrary.js";
import { description } from "./arbitrary.js";

const texts = conformanceDockerfiles();
const corpus = [...texts].map(([name, text]) => ({ name, dockerfile: parse(text) }));
const editable = corpus.filter(({ dockerfile }) => dockerfile.stages.length > 0);

/** The instructions as text that has nothing in it but what they say. */
function meaning(dockerfile: Dockerfile): string[] {
  return allInstructions(dockerfile).map((instruction) => JSON.stringify(partsOf(instruction, dockerfile.escape)));
}

/** The edited file; `undefined` when the edit was refused. */
function tryEdit(dockerfile: Dockerfile, edit: Edit): Dockerfile | undefined {
  try {
    return editDockerfile(dockerfile, [edit]);
  } catch (error) {
    if (isOcibuildError(error, "DOCKERFILE_EDIT")) return undefined;
    throw error;
  }
}

/** True when `after` is `before` with other text in the place of `[start, end)`. */
function keepsAround(before: string, after: string, start: number, end: number): boolean {
  const kept = start + before.length - end;
  return after.length >= kept && after.startsWith(before.slice(0, start)) && after.endsWith(before.slice(end));
}

describe("printing", () => {
  it("gives back the text of every conformance case", () => {
    expect(corpus.length).toBeGreaterThan(1250);
    for (const { name, dockerfile } of corpus) {
      expect(formatDockerfile(dockerfile), name).toBe(texts.get(name));
    }
  });

  it("gives back any text", () => {
    fc.assert(
      fc.property(fc.oneof(dockerfileText, fc.string({ unit: "binary" })), (text) => {
        expect(formatDockerfile(parse(text))).toBe(text);
      }),
      { numRuns: runs(500) },
    );
  });

  it("writes every instruction of the conformance cases so that it says the same", () => {
    const refused: string[] = [];
    for (const { name, dockerfile } of corpus) {
      for (const instruction of allInstructions(dockerfile)) {
        try {
          formatInstruction(instruction, { escape: dockerfile.escape });
        } catch (error) {
          if (!isOcibuildError(error, "DOCKERFILE_EDIT")) throw error;
          refused.push(`${name}: ${instruction.text}`);
        }
      }
    }
    // BuildKit takes the lines below for a heredoc, and copies `<<` and `EOF` all the same.
    expect(refused).toEqual(["parser/heredoc-space-before-word: COPY << EOF /f"]);
  });
});

describe("an edit", () => {
  const place = fc.record({ file: fc.constantFrom(...editable), index: fc.nat() }).map(({ file, index }) => {
    const all = allInstructions(file.dockerfile);
    return { ...file, target: all[index % all.length]! };
  });

  it("that changes nothing leaves the text as it is", () => {
    for (const { name, dockerfile } of editable) {
      for (const target of allInstructions(dockerfile)) {
        const same = editDockerfile(dockerfile, [updateInstruction(target as Instruction & { kind: "RUN" }, {})]);
        expect(formatDockerfile(same), name).toBe(formatDockerfile(dockerfile));
      }
    }
  });

  it("changes the lines of its target and nothing else, and what is read then is what was asked for", () => {
    const made = new Map<string, number>();
    fc.assert(
      fc.property(
        place,
        description,
        fc.constantFrom("replace", "before", "after", "remove", "stage"),
        ({ dockerfile, target }, wanted, type) => {
          const kinds = { replace: replaceInstruction, before: insertBefore, after: insertAfter };
          const edit =
            type === "remove"
              ? remove(target)
              : type === "stage"
                ? appendStage(wanted)
                : kinds[type as "replace"](target, wanted);
          const result = tryEdit(dockerfile, edit);
          if (result === undefined) return;
          made.set(type, (made.get(type) ?? 0) + 1);
          const text = formatDockerfile(dockerfile);
          const after = formatDockerfile(result);
          const { span } = target;
          if (type === "replace") expect(keepsAround(text, after, span.start, span.end)).toBe(true);
          else if (type === "remove") {
            const lineStart = text.lastIndexOf("\n", span.start - 1) + 1;
            const lineEnd = text.indexOf("\n", span.end);
            // Where the last line has no newline, the one in front of it goes.
            if (lineEnd === -1) expect(after).toBe(text.slice(0, lineStart).replace(/\r?\n$/, ""));
            else expect(after).toBe(text.slice(0, lineStart) + text.slice(lineEnd + 1));
          } else {
            let at = 0;
            while (at < text.length && text[at] === after[at]) at++;
            expect(keepsAround(text, after, at, at)).toBe(true);
          }
          const comments = result.comments.map((comment) => comment.text);
          if (type !== "remove" && type !== "replace") {
            expect(comments).toEqual(dockerfile.comments.map((comment) => comment.text));
          }
          const expected = meaning(dockerfile);
          const index = allInstructions(dockerfile).indexOf(target);
          const parts = JSON.stringify(partsOf(wanted, dockerfile.escape));
          if (type === "replace") expected.splice(index, 1, parts);
          if (type === "remove") expected.splice(index, 1);
          if (type === "before") expected.splice(index, 0, parts);
          if (type === "after") expected.splice(index + 1, 0, parts);
          if (type === "stage") expected.push(parts);
          expect(meaning(result)).toEqual(expected);
        },
      ),
      { numRuns: runs(1500) },
    );
    for (const type of ["replace", "before", "after", "remove", "stage"]) {
      expect(made.get(type), type).toBeGreaterThan(120);
    }
  });

  it("of fields gives the instruction with those fields, and keeps the rest of the line", () => {
    let made = 0;
    const samples = fc.sample(description, { numRuns: 1000, seed: 1 });
    fc.assert(
      fc.property(
        place,
        fc.nat(),
        fc.array(fc.boolean(), { minLength: 12, maxLength: 12 }),
        ({ dockerfile, target }, pick, fields) => {
          const others = samples.filter(({ kind }) => kind === target.kind);
          if (others.length === 0) return;
          const other = others[pick % others.length]!;
          const changes = Object.fromEntries(
            Object.entries(other).filter(([field], index) => field !== "kind" && fields[index] === true),
          );
          const edit = updateInstruction(target as Instruction & { kind: "RUN" }, changes);
          const result = tryEdit(dockerfile, edit);
          if (result === undefined || edit.type !== "update") return;
          made++;
          const wanted = partsOf(edit.change(target), dockerfile.escape);
          const expected = meaning(dockerfile);
          expected.splice(allInstructions(dockerfile).indexOf(target), 1, JSON.stringify(wanted));
          expect(meaning(result)).toEqual(expected);
          const { start, end } = target.span;
          expect(keepsAround(formatDockerfile(dockerfile), formatDockerfile(result), start, end)).toBe(true);
        },
      ),
      { numRuns: runs(1500) },
    );
    expect(made).toBeGreaterThan(800);
  });
});
