/** `ocibuild pull`: docker's words about what came, on standard output; progress on standard error. */
import { OcibuildError } from "../../errors.js";
import { familiarName, formatReference, nameOf, parseReference, type Reference } from "../../oci/reference.js";
import { type Command, defineCommand } from "../command.js";
import { EXIT_DONE } from "../exit-codes.js";
import { shortId } from "../format/human.js";
import { optionError } from "../option-error.js";
import { flag, list } from "../options/define-options.js";
import { PROGRESS_OPTIONS, REGISTRY_OPTIONS, STORE_OPTIONS, severalPlatforms, withImages } from "./common.js";

export const pullCommand: Command = defineCommand({
  name: "pull",
  usage: "[OPTIONS] NAME[:TAG|@DIGEST]",
  description:
    "Downloads an image from a registry into the store. Every layer is checked against what the image says of it.",
  options: {
    allTags: flag({ short: "a", help: "All tags of the repository" }),
    platform: list({
      placeholder: "os/arch",
      help: 'Platform of an image that is there for several, or "all" (repeat, or separate by commas; default: this machine\'s)',
    }),
    ...PROGRESS_OPTIONS,
    ...STORE_OPTIONS,
    ...REGISTRY_OPTIONS,
  },
  operands: { min: 1, max: 1 },
  run: async (io, request, [word = ""]) => {
    const name = parseReference(word);
    const isBare = name.digest === undefined && !word.endsWith(`:${name.tag}`);
    if (request.allTags && !isBare) throw optionError("--all-tags", "tag can't be used with --all-tags/-a");
    const isAll = request.platform.includes("all");
    const chosen = isAll ? [] : severalPlatforms(request.platform);
    const platforms = isAll ? ("all" as const) : chosen.length === 0 ? undefined : chosen;
    return withImages(io, request, async ({ images, finish }) => {
      const say = (line: string): void => {
        if (!request.quiet) io.stdout.write(`${line}\n`);
      };
      if (isBare && !request.allTags) say(`Using default tag: ${name.tag}`);
      const names = request.allTags ? (await images.tagsInRegistry(word)).map((tag) => ({ ...name, tag })) : [name];
      for (const wanted of names) {
        const lines: string[] = [];
        const pulled = await images.pull(formatReference(wanted), {
          ...(platforms === undefined ? {} : { platforms }),
          onLayer: ({ digest }, outcome) =>
            lines.push(`${shortId(digest)}: ${outcome === "exists" ? "Already exists" : "Pull complete"}`),
        });
        finish();
        say(`${shownTag(wanted)}: Pulling from ${shownRepository(wanted)}`);
        for (const line of lines) say(line);
        say(`Digest: ${pulled.digest}`);
        const status = pulled.isNew ? "Downloaded newer image for" : "Image is up to date for";
        say(`Status: ${status} ${familiarName(withoutTag(wanted))}`);
      }
      io.stdout.write(`${request.allTags ? nameOf(name) : formatReference(withoutTag(name))}\n`);
      return EXIT_DONE;
    });
  },
});

/** The digest decides where there are both. */
function withoutTag(name: Reference): Reference {
  if (name.digest === undefined) return name;
  const { tag: _tag, ...pinned } = name;
  return pinned;
}

function shownTag({ tag, digest }: Reference): string {
  return digest ?? tag ?? "";
}

/** Docker shows the repository without its registry. */
function shownRepository({ repository, registry }: Reference): string {
  if (registry === "") throw noRegistry(repository);
  return repository;
}

function noRegistry(name: string): OcibuildError<"REFERENCE_INVALID"> {
  return new OcibuildError("REFERENCE_INVALID", `"${name}" cannot be pulled: its first part is no host`, {
    details: { reference: name },
  });
}
