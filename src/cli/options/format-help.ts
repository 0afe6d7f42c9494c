/** The text of `--help`, made from the catalogue. */
import { Command, Option } from "commander";
import { REFUSED_COMMANDS } from "../commands.js";
import { HONOURED_OPTIONS } from "./catalogue.js";
import { GROUPS } from "./option.js";
import { REFUSED_OPTIONS } from "./refused-options.js";

/** Narrower than this the two columns of options and descriptions are hard to read. */
const MIN_COLUMNS = 60;
const MAX_COLUMNS = 120;

/** Ends in a newline. */
export function formatHelp(columns: number | undefined): string {
  const width = Math.min(MAX_COLUMNS, Math.max(MIN_COLUMNS, columns ?? 80));
  const command = new Command("ocibuild")
    .usage("[build] [OPTIONS] PATH | URL | -")
    .description(
      "Builds an OCI image from a Dockerfile and the files of a folder, without a daemon and without privileges. " +
        'PATH is the build context; "-" reads it, as a tar archive, or a Dockerfile alone from standard input; URL names ' +
        "a git repository (https://host/repo.git#ref:folder), or an archive or Dockerfile on a web server. " +
        "The digest of the image goes to standard output, everything else to standard error.",
    )
    .helpOption(false)
    .configureHelp({
      helpWidth: width,
      optionTerm: ({ short, flags }) => (short === undefined ? `    ${flags}` : flags),
    });
  for (const group of GROUPS) {
    for (const entry of HONOURED_OPTIONS.filter((candidate) => candidate.group === group)) {
      const short = entry.short === undefined ? "" : `-${entry.short}, `;
      const value = entry.kind === "value" ? ` <${entry.placeholder}>` : "";
      command.addOption(new Option(`${short}--${entry.name}${value}`, entry.help).helpGroup(`${group}:`));
    }
  }
  const helper = command.createHelp();
  const refusedOptions = REFUSED_OPTIONS.map((entry) => `--${entry.name}`).join(" ");
  const refused = `Refused by name, with what to do instead: ${refusedOptions}; the commands ${REFUSED_COMMANDS.join(" ")}.`;
  return [
    command.helpInformation().trimEnd(),
    "",
    helper.boxWrap(refused, width),
    "",
    helper.boxWrap("Exit codes: 0 done, 1 the build or a registry failed, 2 wrong use, 130 interrupted.", width),
    "",
  ].join("\n");
}
