/** COPY and ADD: sources, files written in place, and a destination. */
import type { AddInstruction, CopyInstruction, SourceContent, TransferInstruction, Word } from "../ast.js";
import { type FlagValues, parseFlags } from "../flag-values.js";
import { parseHeredocWord, stripTabs } from "../heredocs.js";
import { baseOf, type Request } from "./request.js";

export function parseCopy(request: Request): CopyInstruction | undefined {
  const parsed = parseTransfer("COPY", request);
  if (parsed === undefined) return undefined;
  const { fields, flags } = parsed;
  return { ...fields, from: flags.string("from"), parents: flags.bool("parents") ?? false };
}

export function parseAdd(request: Request): AddInstruction | undefined {
  const parsed = parseTransfer("ADD", request);
  if (parsed === undefined) return undefined;
  const { fields, flags } = parsed;
  return {
    ...fields,
    checksum: flags.string("checksum"),
    keepGitDir: flags.bool("keep-git-dir"),
    unpack: flags.bool("unpack"),
  };
}

function parseTransfer<K extends "COPY" | "ADD">(
  kind: K,
  request: Request,
): { fields: TransferInstruction<K>; flags: FlagValues } | undefined {
  const { args, fail, span } = request;
  const destination = args.words[args.words.length - 1];
  if (destination === undefined || args.words.length < 2) {
    return fail(
      "arguments-missing",
      `${kind} requires at least two arguments, but only one was provided. Destination could not be determined`,
      span,
      destination === undefined
        ? `name what to copy and where to: ${kind} src/ /app/`
        : `add the destination: ${kind} ${destination.value} .`,
    );
  }
  const flags = parseFlags(kind, request.flags, fail);
  if (flags === undefined) return undefined;
  if (parseHeredocWord(destination.value) !== undefined) {
    return fail(
      "heredoc-destination",
      `${kind} cannot accept a heredoc as a destination`,
      destination.span,
      `add the destination behind it: ${kind} ${destination.value} /path`,
    );
  }
  return {
    flags,
    fields: {
      ...baseOf(kind, request),
      ...splitSources(request, args.words.slice(0, -1)),
      destination,
      chown: flags.string("chown"),
      chmod: flags.string("chmod"),
      link: flags.bool("link") ?? false,
      exclude: flags.list("exclude"),
    },
  };
}

/** Heredocs find their body by name: of two with the same name, both have the last one's. */
function splitSources(request: Request, words: readonly Word[]): { sources: Word[]; contents: SourceContent[] } {
  const bodies = new Map(request.heredocs.map((heredoc) => [heredoc.name, heredoc.content]));
  const sources: Word[] = [];
  const contents: SourceContent[] = [];
  for (const word of words) {
    const heredoc = parseHeredocWord(word.value);
    if (heredoc === undefined) {
      sources.push(word);
      continue;
    }
    const { name, expand, chomp } = heredoc;
    const body = bodies.get(name) ?? "";
    contents.push({ name, content: chomp ? stripTabs(body) : body, expand, span: word.span });
  }
  return { sources, contents };
}
