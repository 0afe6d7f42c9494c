/** `ocibuild login`. */
import type { Readable } from "node:stream";
import { type Command, defineCommand } from "../command.js";
import { EXIT_DONE, exitCodeOfSignal } from "../exit-codes.js";
import { REGISTRY_OPTIONS, STORE_OPTIONS, withImages } from "../images/common.js";
import type { Io } from "../io.js";
import { optionError } from "../option-error.js";
import { flag, text } from "../options/define-options.js";
import { safeLine } from "../terminal-text.js";
import { ask, canAsk } from "./prompt.js";

const MAX_SECRET_BYTES = 64 * 1024;

export const loginCommand: Command = defineCommand({
  name: "login",
  usage: "[OPTIONS] [SERVER]",
  description:
    "Asks a registry whether it takes a user's password, and keeps it where docker keeps it: in the credential helper that " +
    "docker's config.json names, else in that file. Docker Hub unless another registry is named.",
  options: {
    username: text({ short: "u", placeholder: "name", help: "Name of the user" }),
    password: text({
      short: "p",
      placeholder: "secret",
      help: 'Password or access token; "-" reads it from standard input',
    }),
    passwordStdin: flag({ help: "Read the password or access token from standard input" }),
    ...STORE_OPTIONS,
    ...REGISTRY_OPTIONS,
  },
  operands: { min: 0, max: 1 },
  run: async (io, request, [server = ""]) => {
    const credentials = await credentialsFor(io, request);
    if (credentials === undefined) return exitCodeOfSignal("SIGINT");
    return withImages(io, { ...request, quiet: true }, async ({ images }) => {
      const saved = await images.login(server, { kind: "basic", ...credentials });
      if (saved.helper === undefined) {
        io.stderr.write(
          `\nWARNING! Your credentials are stored unencrypted in '${safeLine(saved.path)}'.\n` +
            "Configure a credential helper to remove this warning. See\n" +
            "https://docs.docker.com/go/credential-store/\n\n",
        );
      }
      io.stdout.write("Login Succeeded\n");
      return EXIT_DONE;
    });
  },
});

interface Asked {
  readonly username?: string | undefined;
  readonly password?: string | undefined;
  readonly passwordStdin: boolean;
}

/** What is given, and what is asked for; `undefined` when the question is interrupted. @throws OPTIONS_INVALID */
async function credentialsFor(
  io: Io,
  { username, password, passwordStdin }: Asked,
): Promise<{ readonly username: string; readonly password: string } | undefined> {
  const fromStdin = passwordStdin || password === "-";
  if (passwordStdin && password !== undefined && password !== "-") {
    throw optionError("--password-stdin", "conflicting options: cannot specify both --password and --password-stdin");
  }
  if (fromStdin && username === undefined) {
    throw optionError("--password-stdin", "the --password-stdin option requires --username to be set");
  }
  if (username === "") throw optionError("--username", "username is empty");
  if (password === "") throw optionError("--password", "password is empty");
  if (fromStdin) {
    const secret = await readSecret(io.stdin());
    if (secret.trim() === "") throw optionError("--password-stdin", "password is empty");
    return { username: username!, password: secret };
  }
  if (password !== undefined) {
    io.stderr.write("WARNING! Using --password via the CLI is insecure. Use --password-stdin.\n");
    if (username !== undefined) return { username, password };
  }
  const stdin = io.stdin();
  if (!canAsk(stdin)) {
    throw optionError(
      "--username",
      "cannot perform an interactive login from a non TTY device",
      "Say --username NAME --password-stdin.",
    );
  }
  const name = username ?? (await ask(io, stdin, "Username: "));
  if (name === undefined) return undefined;
  if (name === "") throw optionError("--username", "username is empty");
  const secret = password ?? (await ask(io, stdin, "Password: ", { hidden: true }));
  if (secret === undefined) return undefined;
  if (secret === "") throw optionError("--password", "password is empty");
  return { username: name, password: secret };
}

/** All of standard input without the end of its last line. */
async function readSecret(stdin: Readable): Promise<string> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of stdin) {
    size += (chunk as Buffer).length;
    if (size > MAX_SECRET_BYTES) {
      throw optionError("--password-stdin", `the password has more than ${MAX_SECRET_BYTES} bytes`);
    }
    chunks.push(Buffer.from(chunk as Buffer));
  }
  return Buffer.concat(chunks)
    .toString("utf8")
    .replace(/\r\n$|\n$|\r$/, "");
}
