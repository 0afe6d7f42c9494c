/** `ocibuild diff`: of a container what it changed, of two images what is different. */
import { type Command, defineCommand } from "../command.js";
import { EXIT_DONE } from "../exit-codes.js";
import { formatList } from "../format/print-list.js";
import { STORE_OPTIONS, withImages } from "../images/common.js";
import { text } from "../options/define-options.js";

const SHAPE = { headers: { Type: "CHANGE TYPE", Path: "PATH" }, columns: "{{.Type}}\t{{.Path}}" };

export const diffCommand: Command = defineCommand({
  name: "diff",
  usage: "[OPTIONS] CONTAINER | IMAGE IMAGE",
  description:
    "Lists files and folders that a container changed in its image, or that are different between two images: " +
    "A for added, C for changed, D for deleted.",
  options: {
    format: text({ placeholder: "how", help: 'A Go template, "table TEMPLATE", or "json"' }),
    ...STORE_OPTIONS,
  },
  operands: { min: 1, max: 2 },
  run: (io, request, [first = "", second]) =>
    withImages(io, { root: request.root, quiet: true }, async ({ images }) => {
      const changes = second === undefined ? await images.changes(first) : await images.diff(first, second);
      const records = changes.map(({ kind, path }) => ({ Type: kind, Path: path }));
      io.stdout.write(formatList(SHAPE, records, request.format ?? "{{.Type}} {{.Path}}"));
      return EXIT_DONE;
    }),
});
