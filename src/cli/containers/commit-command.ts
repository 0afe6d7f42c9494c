/** `ocibuild commit`. */
import { type Command, defineCommand } from "../command.js";
import { EXIT_DONE } from "../exit-codes.js";
import { STORE_OPTIONS, withImages } from "../images/common.js";
import { list, refusedFlag, text } from "../options/define-options.js";
import { parseSwitchValue } from "../options/option.js";

export const commitCommand: Command = defineCommand({
  name: "commit",
  usage: "[OPTIONS] CONTAINER [REPOSITORY[:TAG]]",
  description:
    "Makes an image of a container that has ended: its image, and one more layer with what it changed. The image starts " +
    "with the container's command unless --change says otherwise. Its ID goes to standard output.",
  options: {
    author: text({ short: "a", placeholder: "name", help: "Author of the image" }),
    change: list({
      short: "c",
      placeholder: "instruction",
      help: 'Dockerfile instruction that changes the config, for example "CMD [\\"sh\\"]" (repeat)',
    }),
    message: text({ short: "m", placeholder: "text", help: "What the image's history says of it" }),
    pause: {
      ...refusedFlag({
        hint: "A container that can be committed has ended: there is nothing to pause; leave it out.",
        isDefault: (value) => parseSwitchValue(value) === true,
      }),
      short: "p",
    },
    ...STORE_OPTIONS,
  },
  operands: { min: 1, max: 2 },
  run: (io, request, [container = "", name]) =>
    withImages(io, { root: request.root, quiet: true }, async ({ images }) => {
      const { author, message, change: changes } = request;
      const image = await images.commit(container, { name, author, message, changes });
      io.stdout.write(`${image.manifest.config.digest}\n`);
      return EXIT_DONE;
    }),
});
