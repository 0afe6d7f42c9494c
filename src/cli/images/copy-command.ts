/** `ocibuild copy`. */
import { type Command, defineCommand } from "../command.js";
import { EXIT_DONE } from "../exit-codes.js";
import { flag, list, text } from "../options/define-options.js";
import { PROGRESS_OPTIONS, REGISTRY_OPTIONS, STORE_OPTIONS, severalPlatforms, withImages } from "./common.js";

export const copyCommand: Command = defineCommand({
  name: "copy",
  usage: "[OPTIONS] SOURCE TARGET",
  description:
    "Copies an image from one place to another, with all its platforms, without changing a byte of its manifests. Places are, " +
    "in skopeo's words: docker://NAME (a registry), oci:DIR[:NAME], oci-archive:FILE[:NAME], docker-archive:FILE[:NAME], " +
    "docker-daemon:NAME, and names of the store. The digest of what was written goes to standard output.",
  options: {
    platform: list({
      placeholder: "os/arch",
      help: "Only these (repeat, or separate by commas); with one of them the manifest alone, without an index",
    }),
    referrers: flag({ help: "From registry to registry: signatures and attestations as well" }),
    digestfile: text({ placeholder: "file", help: "Write the digest to a file" }),
    ...PROGRESS_OPTIONS,
    ...STORE_OPTIONS,
    ...REGISTRY_OPTIONS,
  },
  operands: { min: 2, max: 2 },
  run: async (io, request, [from = "", to = ""]) => {
    const platforms = severalPlatforms(request.platform);
    return withImages(io, request, async ({ images, finish }) => {
      const options = { ...(platforms.length === 0 ? {} : { platforms }), referrers: request.referrers };
      const { digest } = await images.copy(from, to, options);
      finish();
      if (request.digestfile !== undefined) {
        const { resolve } = await import("node:path");
        const { writeTextFile } = await import("../write-text-file.js");
        await writeTextFile(resolve(io.cwd, request.digestfile), digest);
      }
      io.stdout.write(`${digest}\n`);
      return EXIT_DONE;
    });
  },
});
