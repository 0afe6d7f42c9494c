/** The words that can stand first on the command line instead of options and a build context. */
import { nearestName } from "../util/suggest.js";
import type { Command } from "./command.js";

/** A command that is loaded when it is asked for. */
export interface CommandEntry {
  readonly name: string;
  /** One line for `ocibuild --help`. */
  readonly summary: string;
  readonly load: () => Promise<Command>;
}

/** Every command but `build`, in the order of `--help`. */
export const COMMANDS: readonly CommandEntry[] = [
  {
    name: "run",
    summary: "Run a command in an image",
    load: async () => (await import("./containers/run-command.js")).runCommand,
  },
  {
    name: "pull",
    summary: "Download an image from a registry",
    load: async () => (await import("./images/pull-command.js")).pullCommand,
  },
  {
    name: "push",
    summary: "Upload an image to a registry",
    load: async () => (await import("./images/push-command.js")).pushCommand,
  },
  {
    name: "images",
    summary: "List images",
    load: async () => (await import("./images/images-command.js")).imagesCommand,
  },
  {
    name: "tag",
    summary: "Give an image one more name",
    load: async () => (await import("./images/tag-command.js")).tagCommand,
  },
  {
    name: "rmi",
    summary: "Remove images",
    load: async () => (await import("./images/rmi-command.js")).rmiCommand,
  },
  {
    name: "inspect",
    summary: "Show all that is known of images and containers",
    load: async () => (await import("./images/inspect-command.js")).inspectCommand,
  },
  {
    name: "history",
    summary: "Show how an image was made",
    load: async () => (await import("./images/history-command.js")).historyCommand,
  },
  {
    name: "save",
    summary: "Write images to a tarball",
    load: async () => (await import("./images/save-command.js")).saveCommand,
  },
  {
    name: "load",
    summary: "Read images from a tarball",
    load: async () => (await import("./images/load-command.js")).loadCommand,
  },
  {
    name: "copy",
    summary: "Copy an image from one place to another",
    load: async () => (await import("./images/copy-command.js")).copyCommand,
  },
  {
    name: "ps",
    summary: "List containers",
    load: async () => (await import("./containers/ps-command.js")).psCommand,
  },
  {
    name: "rm",
    summary: "Remove containers",
    load: async () => (await import("./containers/rm-command.js")).rmCommand,
  },
  {
    name: "diff",
    summary: "Show what a container changed, or how two images differ",
    load: async () => (await import("./containers/diff-command.js")).diffCommand,
  },
  {
    name: "commit",
    summary: "Make an image of what a container changed",
    load: async () => (await import("./containers/commit-command.js")).commitCommand,
  },
  {
    name: "login",
    summary: "Log in to a registry",
    load: async () => (await import("./login/login-command.js")).loginCommand,
  },
  {
    name: "logout",
    summary: "Log out from a registry",
    load: async () => (await import("./login/logout-command.js")).logoutCommand,
  },
  {
    name: "plan",
    summary: "Show what a build would do, and why",
    load: async () => (await import("./inspect/plan-command.js")).command,
  },
  {
    name: "context",
    summary: "Show what a build context holds, and why",
    load: async () => (await import("./inspect/context-command.js")).command,
  },
  {
    name: "du",
    summary: "Show what the store takes on the disk",
    load: async () => (await import("./store/du-command.js")).default,
  },
  {
    name: "prune",
    summary: "Remove what can be made again from the store",
    load: async () => (await import("./store/prune-command.js")).default,
  },
];

/** Docker's longer names. */
const LONGER_NAMES: ReadonlyMap<string, string> = new Map([
  ...["build", "history", "inspect", "load", "pull", "push", "save", "tag"].map(
    (name) => [`image ${name}`, name] as const,
  ),
  ["image ls", "images"],
  ["image list", "images"],
  ["image rm", "rmi"],
  ...["commit", "diff", "inspect", "rm", "run"].map((name) => [`container ${name}`, name] as const),
  ["container ls", "ps"],
  ["container list", "ps"],
  ["builder build", "build"],
  ["builder prune", "prune"],
  ["buildx build", "build"],
  ["buildx du", "du"],
  ["buildx prune", "prune"],
  ["system df", "du"],
]);

export type SplitCommand =
  | { readonly command: "build" | "help"; readonly args: readonly string[] }
  | { readonly command: CommandEntry; readonly args: readonly string[] };

/** The command and its arguments: `build` unless the first words say otherwise. The store may be named before it. */
export function splitCommand(argv: readonly string[]): SplitCommand {
  const before = leadingRoots(argv);
  const [first, second] = argv.slice(before);
  const meant = LONGER_NAMES.get(`${first} ${second}`);
  const name = meant ?? first;
  const args = [...argv.slice(0, before), ...argv.slice(before + (meant === undefined ? 1 : 2))];
  if (name === "build" || name === "help") return { command: name, args };
  const command = name === undefined ? undefined : commandNamed(name);
  return command === undefined ? { command: "build", args: argv } : { command, args };
}

/** How many words at the beginning name the store: `--root DIR`. */
export function leadingRoots(argv: readonly string[]): number {
  let count = 0;
  for (;;) {
    if (argv[count] === "--root") count += 2;
    else if (argv[count]?.startsWith("--root=") === true) count += 1;
    else return Math.min(count, argv.length);
  }
}

export function commandNamed(name: string): CommandEntry | undefined {
  return COMMANDS.find((entry) => entry.name === name);
}

/** The command that `name` may be meant to be. */
export function nearestCommand(name: string): string | undefined {
  return nearestName(
    name,
    COMMANDS.map((entry) => entry.name),
  );
}
