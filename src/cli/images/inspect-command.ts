/** `ocibuild inspect`: docker's record of images and containers. */
import { isOcibuildError } from "../../errors.js";
import type { Images } from "../../open-images.js";
import { type Command, defineCommand } from "../command.js";
import { EXIT_DONE, EXIT_FAILED } from "../exit-codes.js";
import { safeJson, unescapeSpaces } from "../format/print-list.js";
import { parseTemplate } from "../format/template.js";
import { optionError } from "../option-error.js";
import { refusedFlag, text } from "../options/define-options.js";
import { errorStyle, formatError } from "../print-error.js";
import { safeText } from "../terminal-text.js";
import { onePlatform, STORE_OPTIONS, withImages } from "./common.js";

export const inspectCommand: Command = defineCommand({
  name: "inspect",
  usage: "[OPTIONS] NAME|ID [NAME|ID...]",
  description: "Shows all that is known of images and containers, under docker's names.",
  options: {
    format: text({ short: "f", placeholder: "how", help: 'A Go template, or "json"' }),
    type: text({ placeholder: "what", help: "Look only for an image, or only for a container" }),
    platform: text({ placeholder: "os/arch", help: "Of an image for several platforms, which one" }),
    size: { ...refusedFlag({ hint: "The size of an image is always shown; leave it out." }), short: "s" },
    ...STORE_OPTIONS,
  },
  operands: { min: 1, max: Number.POSITIVE_INFINITY },
  run: async (io, request, words) => {
    const platform = onePlatform(request.platform);
    const { root, type, format } = request;
    if (type !== undefined && type !== "image" && type !== "container") {
      throw optionError("--type", `"${type}" is not a valid value for --type`, "Expected image or container.");
    }
    const template = format === undefined || format === "json" ? undefined : parseTemplate(unescapeSpaces(format));
    return withImages(io, { root, quiet: true }, async ({ images }) => {
      const records: object[] = [];
      let code = EXIT_DONE;
      for (const word of words) {
        try {
          records.push(await recordOf(images, word, type, platform));
        } catch (error) {
          // Docker shows the others all the same.
          if (!isOcibuildError(error, "IMAGE_NOT_FOUND") && !isOcibuildError(error, "CONTAINER_NOT_FOUND")) throw error;
          io.stderr.write(formatError(error, errorStyle(io)));
          code = EXIT_FAILED;
        }
      }
      if (template !== undefined) for (const record of records) io.stdout.write(`${safeText(template(record))}\n`);
      else io.stdout.write(`${safeJson(records, format === "json" ? undefined : 4)}\n`);
      return code;
    });
  },
});

async function recordOf(
  images: Images,
  word: string,
  type: "image" | "container" | undefined,
  platform: ReturnType<typeof onePlatform>,
): Promise<object> {
  if (type === "image") return images.inspect(word, { platform });
  try {
    const { containerRecord } = await import("../../images/containers/inspect-container.js");
    return containerRecord(await images.container(word));
  } catch (error) {
    if (type === "container" || !isOcibuildError(error, "CONTAINER_NOT_FOUND")) throw error;
    return images.inspect(word, { platform });
  }
}
