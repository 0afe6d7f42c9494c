/** Instructions and comments that are to become part of a file: read as that file would be. */
import type { Diagnostic } from "../../errors.js";
import { sourceText } from "../../util/source-text.js";
import type { Instruction } from "../ast.js";
import { createDiagnosticList } from "../diagnostics.js";
import { createLineReader } from "../line-reader.js";
import { parseInstructionLine } from "../parse-instruction-line.js";

export interface Fragment {
  readonly instructions: readonly Instruction[];
  /** The first. */
  readonly error: Diagnostic | undefined;
}

/** Reads `text` without looking for directives. Never throws. */
export function parseFragment(text: string, escapeChar: string, maxLineBytes: number): Fragment {
  const diagnostics = createDiagnosticList();
  const directives = { all: [], escape: escapeChar === "`" ? "`" : "\\", lineCount: 0 } as const;
  const reader = createLineReader(sourceText("edit", text), directives, maxLineBytes, diagnostics);
  const instructions: Instruction[] = [];
  for (let line = reader.next(); line !== undefined; line = reader.next()) {
    const instruction = parseInstructionLine(line, reader, escapeChar, diagnostics);
    if (instruction !== undefined) instructions.push(instruction);
  }
  return { instructions, error: diagnostics.all.find(({ severity }) => severity === "error") };
}
