/** The text of `--help`, made from a command's table of options. */
import { Command, Option } from "commander";
import type { CommonRequest, OptionTable } from "./option.js";

/** Narrower than this the two columns of options and descriptions are hard to read. */
const MIN_COLUMNS = 60;
const MAX_COLUMNS = 120;

export interface HelpContents<R extends CommonRequest> {
  /** What follows the name of the program. */
  readonly usage: string;
  readonly description: string;
  readonly table: OptionTable<R>;
  /** Two columns below the options: names and what they mean. */
  readonly commands?: readonly { readonly name: string; readonly summary: string }[];
  /** Paragraphs at the end. */
  readonly notes?: readonly string[];
}

/** Ends in a newline. */
export function formatHelp<R extends CommonRequest>(
  { usage, description, table, commands = [], notes = [] }: HelpContents<R>,
  columns: number | undefined,
): string {
  const width = Math.min(MAX_COLUMNS, Math.max(MIN_COLUMNS, columns ?? 80));
  const command = new Command("ocibuild")
    .usage(usage)
    .description(description)
    .helpOption(false)
    .helpCommand(false)
    .configureHelp({
      helpWidth: width,
      optionTerm: ({ short, flags }) => (short === undefined ? `    ${flags}` : flags),
    });
  for (const group of table.groups) {
    for (const entry of table.options) {
      if (entry.kind === "refused" || entry.group !== group) continue;
      const short = entry.short === undefined ? "" : `-${entry.short}, `;
      const value = entry.kind === "value" ? ` <${entry.placeholder}>` : "";
      command.addOption(new Option(`${short}--${entry.name}${value}`, entry.help).helpGroup(`${group}:`));
    }
  }
  const helper = command.createHelp();
  const paragraphs = [...notes];
  const refused = table.options.filter(({ kind }) => kind === "refused").map(({ name }) => `--${name}`);
  if (refused.length > 0) {
    paragraphs.unshift(`Refused by name, with what to do instead: ${refused.join(" ")}.`);
  }
  return [
    command.helpInformation().trimEnd(),
    ...(commands.length === 0 ? [] : ["", ...commandLines(commands)]),
    ...paragraphs.flatMap((paragraph) => ["", helper.boxWrap(paragraph, width)]),
    "",
  ].join("\n");
}

function commandLines(commands: readonly { readonly name: string; readonly summary: string }[]): string[] {
  const width = Math.max(...commands.map(({ name }) => name.length));
  return ["Commands:", ...commands.map(({ name, summary }) => `  ${name.padEnd(width)}  ${summary}`)];
}
