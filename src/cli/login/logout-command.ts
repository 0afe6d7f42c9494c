/** `ocibuild logout`. */
import { type Command, defineCommand } from "../command.js";
import { EXIT_DONE } from "../exit-codes.js";
import { STORE_OPTIONS, withImages } from "../images/common.js";
import { safeLine } from "../terminal-text.js";

export const logoutCommand: Command = defineCommand({
  name: "logout",
  usage: "[OPTIONS] [SERVER]",
  description: "Forgets what login has kept for a registry. Docker Hub unless another registry is named.",
  options: STORE_OPTIONS,
  operands: { min: 0, max: 1 },
  run: (io, request, [server = ""]) =>
    withImages(io, { ...request, quiet: true }, async ({ images }) => {
      const { registry, wasKnown } = await images.logout(server);
      const shown = safeLine(registry);
      io.stdout.write(wasKnown ? `Removing login credentials for ${shown}\n` : `Not logged in to ${shown}\n`);
      return EXIT_DONE;
    }),
});
