/** `ocibuild rm`. */
import { isOcibuildError } from "../../errors.js";
import { type Command, defineCommand } from "../command.js";
import { EXIT_DONE, EXIT_FAILED } from "../exit-codes.js";
import { STORE_OPTIONS, withImages } from "../images/common.js";
import { flag, refusedFlag } from "../options/define-options.js";
import { errorStyle, formatError } from "../print-error.js";

export const rmCommand: Command = defineCommand({
  name: "rm",
  usage: "[OPTIONS] CONTAINER [CONTAINER...]",
  description: "Removes containers that have ended, with all that they changed.",
  options: {
    force: flag({ short: "f", help: "What is not there is no error" }),
    link: { ...refusedFlag({ hint: "Containers have no links; leave it out." }), short: "l" },
    volumes: { ...refusedFlag({ hint: "Containers have no volumes of their own; leave it out." }), short: "v" },
    ...STORE_OPTIONS,
  },
  operands: { min: 1, max: Number.POSITIVE_INFINITY },
  run: (io, request, words) =>
    withImages(io, { root: request.root, quiet: true }, async ({ images }) => {
      let code = EXIT_DONE;
      for (const word of words) {
        try {
          await images.removeContainer(word);
          io.stdout.write(`${word}\n`);
        } catch (error) {
          const isMissing = isOcibuildError(error, "CONTAINER_NOT_FOUND");
          if (!isMissing && !isOcibuildError(error, "CONTAINER_IN_USE")) throw error;
          if (isMissing && request.force) continue;
          io.stderr.write(formatError(error, errorStyle(io)));
          code = EXIT_FAILED;
        }
      }
      return code;
    }),
});
