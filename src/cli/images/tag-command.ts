/** `ocibuild tag`. */
import { type Command, defineCommand } from "../command.js";
import { EXIT_DONE } from "../exit-codes.js";
import { STORE_OPTIONS, withImages } from "./common.js";

export const tagCommand: Command = defineCommand({
  name: "tag",
  usage: "[OPTIONS] SOURCE_IMAGE[:TAG] TARGET_IMAGE[:TAG]",
  description: "Gives an image of the store one more name. A name that another image had is taken from it.",
  options: STORE_OPTIONS,
  operands: { min: 2, max: 2 },
  run: (io, request, [source = "", target = ""]) =>
    withImages(io, request, async ({ images }) => {
      await images.tag(source, target);
      return EXIT_DONE;
    }),
});
