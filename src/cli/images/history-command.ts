/** `ocibuild history`: docker's table of how an image was made. */

import type { HistoryLine } from "../../images/image-history.js";
import { createdSeconds } from "../../images/list-images.js";
import { type Command, defineCommand } from "../command.js";
import { EXIT_DONE } from "../exit-codes.js";
import { ellipsis, humanSince, humanSize, isoTime, shortId } from "../format/human.js";
import { formatList, type ListRecord } from "../format/print-list.js";
import { flag, text } from "../options/define-options.js";
import { onePlatform, STORE_OPTIONS, withImages } from "./common.js";

const HEADERS = {
  ID: "IMAGE",
  CreatedSince: "CREATED",
  CreatedAt: "CREATED AT",
  CreatedBy: "CREATED BY",
  Size: "SIZE",
  Comment: "COMMENT",
};
const COLUMNS = "{{.ID}}\t{{.CreatedSince}}\t{{.CreatedBy}}\t{{.Size}}\t{{.Comment}}";
const MACHINE_COLUMNS = "{{.ID}}\t{{.CreatedAt}}\t{{.CreatedBy}}\t{{.Size}}\t{{.Comment}}";
const CREATED_BY_LENGTH = 45;
/** Earlier times are no times but defaults. */
const EPOCH = Date.UTC(2000) / 1000;

export const historyCommand: Command = defineCommand({
  name: "history",
  usage: "[OPTIONS] IMAGE",
  description: "Shows the steps that an image was made in, the last one first, and how much each brought.",
  options: {
    format: text({ placeholder: "how", help: 'A Go template, "table TEMPLATE", or "json"' }),
    human: flag({ short: "H", initially: true, help: "Sizes and times for people (default: true)" }),
    noTrunc: flag({ help: "Do not shorten anything" }),
    quiet: flag({ short: "q", help: "Show IDs only" }),
    platform: text({ placeholder: "os/arch", help: "Of an image for several platforms, which one" }),
    ...STORE_OPTIONS,
  },
  operands: { min: 1, max: 1 },
  run: async (io, request, [word = ""]) => {
    const platform = onePlatform(request.platform);
    const { root, human, noTrunc, quiet, format } = request;
    return withImages(io, { root, quiet: true }, async ({ images }) => {
      const nowMs = Date.now();
      const lines = await images.history(word, { platform });
      const records = lines.map((line) => recordOf(line, { human, noTrunc, nowMs }));
      if (quiet && format === undefined) {
        io.stdout.write(records.map((record) => `${record["ID"]}\n`).join(""));
        return EXIT_DONE;
      }
      io.stdout.write(formatList({ headers: HEADERS, columns: human ? COLUMNS : MACHINE_COLUMNS }, records, format));
      return EXIT_DONE;
    });
  },
});

function recordOf(
  { id, created, createdBy, sizeBytes, comment }: HistoryLine,
  { human, noTrunc, nowMs }: { readonly human: boolean; readonly noTrunc: boolean; readonly nowMs: number },
): ListRecord {
  const seconds = createdSeconds(created);
  const createdAt = seconds === undefined ? "N/A" : isoTime(seconds);
  const since = seconds === undefined || seconds <= EPOCH ? "N/A" : humanSince(seconds, nowMs);
  const by = createdBy.replaceAll("\t", " ");
  return {
    ID: id === undefined ? "<missing>" : noTrunc ? id : shortId(id),
    CreatedSince: human ? since : createdAt,
    CreatedAt: createdAt,
    CreatedBy: noTrunc ? by : ellipsis(by, CREATED_BY_LENGTH),
    Size: human ? humanSize(sizeBytes) : String(sizeBytes),
    Comment: comment,
  };
}
