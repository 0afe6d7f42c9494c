/** Content of edits → lines in the style of the file. */
import { OcibuildError } from "../../errors.js";
import type { Dockerfile, Instruction } from "../ast.js";
import { MAX_LINE_BYTES } from "../parse.js";
import type { Content } from "./edits.js";
import { indentations } from "./file-style.js";
import { writeParts } from "./format-instruction.js";
import { partsOf } from "./instruction-parts.js";
import { parseFragment } from "./parse-fragment.js";
import type { InstructionParts } from "./parts.js";
import type { InstructionStyle } from "./print-parts.js";

/** Lines, the last one with its newline too, and the instructions that they are. */
export interface Written {
  readonly text: string;
  readonly parts: readonly InstructionParts[];
}

export interface Writer {
  readonly newline: string;
  /** The file's style, with the keyword case of `target`. */
  styleOf(target: Instruction): InstructionStyle;
  /** @throws DOCKERFILE_EDIT */
  write(content: readonly Content[], beside: Instruction | undefined): Written;
}

export function createWriter(dockerfile: Dockerfile, style: Required<InstructionStyle>): Writer {
  const { escape: escapeChar, newline } = style;
  const indentationBeside = indentations(dockerfile);

  function writeText(text: string): Written {
    const lines = text.replace(/\r?\n/g, newline);
    const { instructions, error } = parseFragment(lines, escapeChar, MAX_LINE_BYTES);
    if (error !== undefined) {
      throw new OcibuildError("DOCKERFILE_EDIT", `the text to be added is not valid: ${error.message}`, {
        details: { text: text.slice(0, 200) },
        ...(error.hint === undefined ? {} : { hint: error.hint }),
      });
    }
    return {
      text: lines.endsWith(newline) ? lines : lines + newline,
      parts: instructions.map((instruction) => partsOf(instruction, escapeChar)),
    };
  }

  return {
    newline,
    styleOf({ keyword: { value } }) {
      if (value === value.toUpperCase()) return { ...style, keywordCase: "upper" };
      return value === value.toLowerCase() ? { ...style, keywordCase: "lower" } : style;
    },
    write(content, beside) {
      const written = content.map((item): Written => {
        if (typeof item === "string") return writeText(item);
        const parts = partsOf(item, escapeChar);
        const indentation = beside === undefined ? "" : indentationBeside(beside, item.kind);
        return { text: indentation + writeParts(parts, style) + newline, parts: [parts] };
      });
      return { text: written.map(({ text }) => text).join(""), parts: written.flatMap(({ parts }) => parts) };
    },
  };
}
