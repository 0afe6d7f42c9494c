/** `ocibuild save`. */
import { type Command, defineCommand } from "../command.js";
import { EXIT_DONE } from "../exit-codes.js";
import { optionError } from "../option-error.js";
import { text } from "../options/define-options.js";
import { onePlatform, STORE_OPTIONS, withImages } from "./common.js";

export const saveCommand: Command = defineCommand({
  name: "save",
  usage: "[OPTIONS] IMAGE [IMAGE...]",
  description:
    "Writes images to one tarball that docker, podman and skopeo read. A name without a tag stands for all tags of the repository.",
  options: {
    output: text({ short: "o", placeholder: "file", help: "Write to a file instead of standard output" }),
    platform: text({ placeholder: "os/arch", help: "Of images for several platforms, only this one" }),
    ...STORE_OPTIONS,
  },
  operands: { min: 1, max: Number.POSITIVE_INFINITY },
  run: async (io, request, words) => {
    const { output, root } = request;
    const platform = onePlatform(request.platform);
    if (output === undefined && io.stdout.isTTY) {
      throw optionError("--output", "cowardly refusing to save to a terminal. Use the -o flag or redirect");
    }
    return withImages(io, { root, quiet: true }, async ({ images }) => {
      const wanted = platform === undefined ? {} : { platform };
      await images.save(words, output ?? io.stdoutStream(), wanted);
      return EXIT_DONE;
    });
  },
});
