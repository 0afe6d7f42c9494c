/** Where in the file the parts of an instruction stand. */
import type { Span } from "../../errors.js";
import type { Instruction } from "../ast.js";

/** Spans of the arguments in the order of their parts; `undefined` when they cannot be told apart. */
export function argumentSpans(instruction: Instruction): readonly Span[] | undefined {
  switch (instruction.kind) {
    case "FROM": {
      const { image, as } = instruction;
      return as === undefined ? [image.span] : [image.span, as.span];
    }
    case "ARG":
      return instruction.args.map(({ name, value }) => join(name.span, value?.span ?? name.span));
    case "ENV":
    case "LABEL":
      return instruction.pairs.map(({ key, value }) => join(key.span, value.span));
    case "COPY":
    case "ADD": {
      const { sources, contents, destination } = instruction;
      return [...sources, ...contents, destination].map(({ span }) => span);
    }
    case "EXPOSE":
      return instruction.ports.map(({ span }) => span);
    case "VOLUME":
      return instruction.paths.map(({ span }) => span);
    case "WORKDIR":
      return [instruction.path.span];
    case "USER":
      return [instruction.user.span];
    case "STOPSIGNAL":
      return [instruction.signal.span];
    case "RUN":
    case "CMD":
    case "ENTRYPOINT":
      return instruction.command.form === "shell" ? [instruction.command.span] : undefined;
    default:
      return undefined;
  }
}

/** Offset after the keyword and the flags. */
export function headEnd({ keyword, flags }: Instruction): number {
  return flags[flags.length - 1]?.span.end ?? keyword.span.end;
}

function join(from: Span, to: Span): Span {
  return { start: from.start, end: Math.max(from.end, to.end) };
}
