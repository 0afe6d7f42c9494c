/** The text of `ocibuild --help`: what `build` takes, and the other commands. */
import { COMMANDS } from "../commands.js";
import { BUILD_OPTIONS } from "./catalogue.js";
import { formatHelp } from "./format-help.js";

/** Ends in a newline. */
export function formatProgramHelp(columns: number | undefined): string {
  const contents = {
    usage: "[build] [OPTIONS] PATH | URL | -",
    description:
      "Builds an OCI image from a Dockerfile and the files of a folder, without a daemon and without privileges. " +
      'PATH is the build context; "-" reads it, as a tar archive, or a Dockerfile alone from standard input; URL names ' +
      "a git repository (https://host/repo.git#ref:folder), or an archive or Dockerfile on a web server. " +
      "The digest of the image goes to standard output, everything else to standard error.",
    table: BUILD_OPTIONS,
    commands: COMMANDS,
    notes: [
      '"ocibuild COMMAND --help" tells more about a command.',
      "Exit codes: 0 done, 1 the build or a registry failed, 2 wrong use, 130 interrupted.",
    ],
  };
  return formatHelp(contents, columns);
}
