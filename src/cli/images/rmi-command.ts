/** `ocibuild rmi`. */
import { isOcibuildError } from "../../errors.js";
import { type Command, defineCommand } from "../command.js";
import { EXIT_DONE, EXIT_FAILED } from "../exit-codes.js";
import { flag, refused, refusedFlag } from "../options/define-options.js";
import { errorStyle, formatError } from "../print-error.js";
import { STORE_OPTIONS, withImages } from "./common.js";

export const rmiCommand: Command = defineCommand({
  name: "rmi",
  usage: "[OPTIONS] IMAGE [IMAGE...]",
  description:
    "Takes names away. An image goes with its last name, and with it all blobs that no other image needs. Of an ID all names go.",
  options: {
    force: flag({
      short: "f",
      help: "Also an image with names in several repositories, or with containers; what is not there is no error",
    }),
    noPrune: refusedFlag({ hint: "There are no untagged parents to keep; leave it out." }),
    platform: refused({ hint: "An image goes as a whole; leave it out." }),
    ...STORE_OPTIONS,
  },
  operands: { min: 1, max: Number.POSITIVE_INFINITY },
  run: (io, request, words) =>
    withImages(io, request, async ({ images }) => {
      let code = EXIT_DONE;
      for (const word of words) {
        try {
          const { untagged, deleted } = await images.remove(word, { force: request.force });
          for (const name of untagged) io.stdout.write(`Untagged: ${name}\n`);
          for (const id of deleted) io.stdout.write(`Deleted: ${id}\n`);
        } catch (error) {
          // The others are removed all the same, as docker does.
          if (!isOcibuildError(error, "IMAGE_NOT_FOUND") && !isOcibuildError(error, "IMAGE_IN_USE")) throw error;
          io.stderr.write(formatError(error, errorStyle(io)));
          if (!request.force || error.code !== "IMAGE_NOT_FOUND") code = EXIT_FAILED;
        }
      }
      return code;
    }),
});
