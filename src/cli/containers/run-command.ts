/** `ocibuild run`: a command in an image, in the foreground; its exit code is ours. */
import { once } from "node:events";
import { resolve } from "node:path";
import { parseSize } from "../../dockerfile/size.js";
import { isOcibuildError } from "../../errors.js";
import type { RunOptions } from "../../images/containers/run-container.js";
import { familiarName, parseReference } from "../../oci/reference.js";
import type { Platform } from "../../oci/types.js";
import type { Images } from "../../open-images.js";
import { parseHost, parseUlimit } from "../../pipeline/run-options.js";
import { type Command, defineCommand } from "../command.js";
import { shortId } from "../format/human.js";
import { onePlatform, REGISTRY_OPTIONS, STORE_OPTIONS, withImages } from "../images/common.js";
import type { Io } from "../io.js";
import { optionError } from "../option-error.js";
import { flag, list, type RequestOf, text } from "../options/define-options.js";
import { errorStyle, formatError } from "../print-error.js";
import { readEnvironment, readLabels } from "./run-environment.js";
import { readMounts } from "./run-mounts.js";
import { REFUSED_RUN_OPTIONS } from "./run-refused.js";

/** Docker's code for what goes wrong before the command runs. */
const EXIT_NOT_RUN = 125;

const OPTIONS = {
  interactive: flag({ short: "i", help: "The command reads standard input" }),
  tty: flag({ short: "t", help: "The command gets a terminal; takes --interactive, and a terminal as standard input" }),
  rm: flag({ help: "Keep nothing of the container when it has ended" }),
  name: text({ placeholder: "name", help: "Name of the container" }),
  env: list({ short: "e", placeholder: "name[=value]", help: "Variable of the environment (repeat)" }),
  envFile: list({ placeholder: "file", help: "File with a variable on each line (repeat)" }),
  workdir: text({ short: "w", placeholder: "folder", help: "Folder that the command begins in" }),
  user: text({ short: "u", placeholder: "user[:group]", help: "Who runs the command, by names or numbers" }),
  entrypoint: text({ placeholder: "program", help: "Instead of the image's ENTRYPOINT" }),
  volume: list({ short: "v", placeholder: "source:target[:ro]", help: "Folder or file of this machine (repeat)" }),
  mount: list({ placeholder: "spec", help: "type=bind,source=…,target=…[,readonly] or type=tmpfs,target=… (repeat)" }),
  tmpfs: list({ placeholder: "folder", help: "Folder in memory, with [:size=SIZE] (repeat)" }),
  network: text({ placeholder: "mode", help: "default (the network of this machine), none, or host" }),
  addHost: list({ placeholder: "name:ip", help: "Line for /etc/hosts (repeat)" }),
  hostname: text({ short: "h", placeholder: "name", help: "Host name (default: the beginning of the container's ID)" }),
  label: list({ short: "l", placeholder: "key=value", help: "Label of the container (repeat)" }),
  shmSize: text({ placeholder: "size", help: "Size of /dev/shm, for example 128m" }),
  ulimit: list({ placeholder: "name=soft[:hard]", help: "Limit, for example nofile=1024:4096 (repeat)" }),
  privileged: flag({ help: "Let the command do what the sandbox keeps from it; takes root" }),
  executor: text({
    placeholder: "name",
    help: 'What runs the command (default: "auto", the strongest that works here)',
  }),
  platform: text({ placeholder: "os/arch", help: "Of an image for several platforms, which one" }),
  pull: text({ placeholder: "when", help: 'Pull the image: "missing", "always" or "never" (default: "missing")' }),
  quiet: flag({ short: "q", help: "Do not tell of pulling" }),
  cidfile: text({ placeholder: "file", help: "Write the container's ID to a file, which must not be there yet" }),
  ...STORE_OPTIONS,
  ...REGISTRY_OPTIONS,
};

type RunRequest = RequestOf<typeof OPTIONS>;

export const runCommand: Command = defineCommand({
  name: "run",
  usage: "[OPTIONS] IMAGE [COMMAND] [ARG...]",
  description:
    "Runs a command in the files of an image, which is pulled when the store has not got it, and waits for its end. The exit " +
    "code is the command's; 125 says that it was not run. What it changed is kept as a container, unless --rm says otherwise.",
  options: OPTIONS,
  refused: REFUSED_RUN_OPTIONS,
  operands: { min: 1, max: Number.POSITIVE_INFINITY },
  optionsFirst: true,
  failedCode: EXIT_NOT_RUN,
  run: async (io, request, [word = "", ...command]) => {
    const platform = onePlatform(request.platform);
    const pull = pullPolicy(request.pull);
    const options = await optionsOf(io, request, command);
    const places = { ...request, progress: undefined, quiet: true };
    const usesStdin = options.stdin !== undefined;
    return withImages(
      io,
      places,
      async ({ images, signal }) => {
        try {
          await makeAvailable(io, images, word, { pull, platform, quiet: request.quiet });
          const { exitCode } = await images.run(word, { ...options, platform });
          return exitCode;
        } catch (error) {
          if (signal.aborted) throw error;
          io.stderr.write(formatError(error, errorStyle(io)));
          return EXIT_NOT_RUN;
        }
      },
      { usesStdin },
    );
  },
});

/** @throws OPTIONS_… */
async function optionsOf(io: Io, request: RunRequest, command: readonly string[]): Promise<RunOptions> {
  const { name, workdir, user, entrypoint, hostname, cidfile, executor } = request;
  const shmSizeBytes = request.shmSize === undefined ? undefined : sizeOf(request.shmSize);
  return {
    command,
    name,
    workdir,
    user,
    entrypoint,
    hostname,
    env: readEnvironment(request, io),
    labels: readLabels(request.label),
    mounts: readMounts(request, io.cwd),
    network: networkOf(request.network),
    hosts: request.addHost.map(parseHost),
    ulimits: request.ulimit.map(parseUlimit),
    shmSizeBytes,
    privileged: request.privileged,
    remove: request.rm,
    ...(executor === undefined ? {} : { executor }),
    ...inputOf(io, request),
    onOutput: (stream, chunk) => writeTo(stream === "stdout" ? io.stdoutStream() : io.stderrStream(), chunk),
    ...(cidfile === undefined ? {} : { onStart: ({ id }) => writeId(resolve(io.cwd, cidfile), id) }),
  };
}

function inputOf(io: Io, { interactive, tty }: RunRequest): Pick<RunOptions, "stdin" | "terminal"> {
  if (!tty) return interactive ? { stdin: io.stdin() } : {};
  if (!interactive) {
    throw optionError("--tty", "--tty without --interactive is not supported", "Say -it, or leave -t out.");
  }
  const terminal = io.terminal();
  if (terminal !== undefined) return { terminal };
  throw optionError("--tty", "the input device is not a TTY", "Leave -t out where there is no terminal.");
}

function networkOf(mode: string | undefined): NonNullable<RunOptions["network"]> {
  if (mode === undefined || mode === "default") return "default";
  if (mode === "none" || mode === "host") return mode;
  throw optionError("--network", `"--network ${mode}" expected default, none or host`, "There are no other networks.");
}

function sizeOf(written: string): number {
  const bytes = parseSize(written);
  if (bytes !== undefined && Number.isSafeInteger(bytes)) return bytes;
  throw optionError("--shm-size", `"--shm-size ${written}" expected a size`, "For example 128m.");
}

type PullPolicy = "missing" | "always" | "never";

function pullPolicy(written: string | undefined): PullPolicy {
  if (written === undefined || written === "missing") return "missing";
  if (written === "always" || written === "never") return written;
  throw optionError("--pull", `invalid pull option: '${written}'`, "There are missing, always and never.");
}

/** Pulls the image when the store has not got it, or when that is asked for; tells of it in docker's words. */
async function makeAvailable(
  io: Io,
  images: Images,
  word: string,
  wishes: { readonly pull: PullPolicy; readonly platform: Platform | undefined; readonly quiet: boolean },
): Promise<void> {
  const { pull, platform, quiet } = wishes;
  const say = (line: string): void => {
    if (!quiet) io.stderr.write(`${line}\n`);
  };
  if (pull !== "always") {
    try {
      await images.inspect(word, { platform });
      return;
    } catch (error) {
      const isMissing = isOcibuildError(error, "IMAGE_NOT_FOUND") || isOcibuildError(error, "PLATFORM_NOT_FOUND");
      if (!isMissing || pull === "never") throw error;
    }
    say(`Unable to find image '${familiarName(parseReference(word))}' locally`);
  }
  const name = parseReference(word);
  say(`${name.digest ?? name.tag}: Pulling from ${name.repository}`);
  const { digest } = await images.pull(word, {
    ...(platform === undefined ? {} : { platforms: [platform] }),
    onLayer: (layer, outcome) =>
      say(`${shortId(layer.digest)}: ${outcome === "exists" ? "Already exists" : "Pull complete"}`),
  });
  say(`Digest: ${digest}`);
  say(`Status: Downloaded newer image for ${familiarName(name)}`);
}

/** Waits until the stream takes more. */
async function writeTo(stream: NodeJS.WritableStream, chunk: Buffer): Promise<void> {
  if (!stream.write(chunk)) await once(stream, "drain");
}

async function writeId(path: string, id: string): Promise<void> {
  const { writeFile } = await import("node:fs/promises");
  try {
    await writeFile(path, id, { flag: "wx" });
  } catch {
    throw optionError("--cidfile", `container ID file found, or it cannot be written: ${path}`, "Remove it first.");
  }
}
