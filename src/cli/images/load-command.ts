/** `ocibuild load`. */
import { familiarName, parseReference } from "../../oci/reference.js";
import { type Command, defineCommand } from "../command.js";
import { EXIT_DONE } from "../exit-codes.js";
import { flag, list, text } from "../options/define-options.js";
import { STORE_OPTIONS, severalPlatforms, withImages } from "./common.js";

export const loadCommand: Command = defineCommand({
  name: "load",
  usage: "[OPTIONS]",
  description:
    "Reads images from a tarball, also a compressed one, that docker, podman, skopeo or this program wrote. Every layer is checked.",
  options: {
    input: text({ short: "i", placeholder: "file", help: "Read from a file instead of standard input" }),
    platform: list({
      placeholder: "os/arch",
      help: "Of images for several platforms, only these (repeat, or separate by commas)",
    }),
    quiet: flag({ short: "q", help: "Do not say what was loaded" }),
    ...STORE_OPTIONS,
  },
  operands: { min: 0, max: 0 },
  run: async (io, request) => {
    const { input, root, quiet } = request;
    const platforms = severalPlatforms(request.platform);
    const usesStdin = input === undefined;
    const work = async ({ images }: { readonly images: import("../../open-images.js").Images }): Promise<number> => {
      const loaded = await images.load(input ?? io.stdin(), { platforms });
      for (const { reference, id } of quiet ? [] : loaded) {
        const line =
          reference === undefined
            ? `Loaded image ID: ${id}`
            : `Loaded image: ${familiarName(parseReference(reference))}`;
        io.stdout.write(`${line}\n`);
      }
      return EXIT_DONE;
    };
    return withImages(io, { root, quiet: true }, work, { usesStdin });
  },
});
