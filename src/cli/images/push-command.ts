/** `ocibuild push`: docker's words about what went, on standard output; progress on standard error. */

import type { PushBlobOutcome } from "../../oci/pusher.js";
import { formatReference, nameOf, parseReference } from "../../oci/reference.js";
import { type Command, defineCommand } from "../command.js";
import { EXIT_DONE } from "../exit-codes.js";
import { shortId } from "../format/human.js";
import { optionError } from "../option-error.js";
import { flag, text } from "../options/define-options.js";
import { onePlatform, PROGRESS_OPTIONS, REGISTRY_OPTIONS, STORE_OPTIONS, withImages } from "./common.js";

const OUTCOMES: Readonly<Record<PushBlobOutcome, string>> = {
  exists: "Layer already exists",
  mounted: "Mounted",
  uploaded: "Pushed",
};

export const pushCommand: Command = defineCommand({
  name: "push",
  usage: "[OPTIONS] NAME[:TAG]",
  description:
    "Uploads an image of the store to the registry that its name says. An image for several platforms is pushed with all of them.",
  options: {
    allTags: flag({ short: "a", help: "All tags of the repository" }),
    platform: text({
      placeholder: "os/arch",
      help: "Only the manifest for this platform, as an image for one platform",
    }),
    ...PROGRESS_OPTIONS,
    ...STORE_OPTIONS,
    ...REGISTRY_OPTIONS,
  },
  operands: { min: 1, max: 1 },
  run: async (io, request, [word = ""]) => {
    const name = parseReference(word);
    if (name.digest !== undefined) {
      throw optionError("NAME", "cannot push a digest reference", "Leave out what follows the @.");
    }
    const isBare = !word.endsWith(`:${name.tag}`);
    if (request.allTags && !isBare) throw optionError("--all-tags", "tag can't be used with --all-tags/-a");
    const platform = onePlatform(request.platform);
    return withImages(io, request, async ({ images, finish }) => {
      const say = (line: string): void => {
        if (!request.quiet) io.stdout.write(`${line}\n`);
      };
      if (isBare && !request.allTags) say(`Using default tag: ${name.tag}`);
      const names = request.allTags ? await images.tagsOf(word) : [formatReference(name)];
      say(`The push refers to repository [${nameOf(name)}]`);
      for (const full of names) {
        const lines: string[] = [];
        const { descriptor, note } = await images.push(full, {
          ...(platform === undefined ? {} : { platform }),
          onLayer: ({ digest }, outcome) => lines.push(`${shortId(digest)}: ${OUTCOMES[outcome]}`),
        });
        finish();
        for (const line of lines) say(line);
        if (note !== undefined) io.stderr.write(`NOTE: ${note}\n`);
        const { tag } = parseReference(full);
        if (request.quiet) io.stdout.write(`${full}\n`);
        else say(`${tag}: digest: ${descriptor.digest} size: ${descriptor.size}`);
      }
      return EXIT_DONE;
    });
  },
});
