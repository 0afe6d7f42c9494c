/** What the commands about images share: options, and a store that is open while they work. */
import type { OnEvent } from "../../events.js";
import { hostPlatform, parsePlatform } from "../../oci/platform.js";
import type { Platform } from "../../oci/types.js";
import type { Images, ImagesOptions } from "../../open-images.js";
import type { Io } from "../io.js";
import { optionError } from "../option-error.js";
import {
  type FlagDefinition,
  flag,
  type ListDefinition,
  list,
  type TextDefinition,
  text,
} from "../options/define-options.js";
import { progressModeOf, runWithProgress } from "../run-with-progress.js";

export const STORE_OPTIONS: { readonly root: TextDefinition } = {
  root: text({
    placeholder: "folder",
    help: "Folder of the store (default: $OCIBUILD_ROOT, else ocibuild in the user's data folder)",
  }),
};

export const REGISTRY_OPTIONS: { readonly registryMirror: ListDefinition; readonly insecureRegistry: ListDefinition } =
  {
    registryMirror: list({
      placeholder: "host=url",
      group: "Registries",
      help: "Where to look first for images of a registry, for example docker.io=http://127.0.0.1:5000 (repeat)",
    }),
    insecureRegistry: list({
      placeholder: "host",
      group: "Registries",
      help: "Allow plain HTTP and unknown certificates for this host[:port] (repeat)",
    }),
  };

export const PROGRESS_OPTIONS: { readonly quiet: FlagDefinition; readonly progress: TextDefinition } = {
  quiet: flag({ short: "q", help: "Show no progress" }),
  progress: text({
    placeholder: "how",
    help: "How progress is shown: auto, tty, plain, rawjson or quiet (default: auto, which is nothing off a terminal)",
  }),
};

/** What of a request says where the store and the registries are. */
export interface PlaceRequest {
  readonly root?: string | undefined;
  readonly registryMirror?: readonly string[];
  readonly insecureRegistry?: readonly string[];
  readonly quiet?: boolean;
  readonly progress?: string | undefined;
}

/** Where the store and the registries are, as options and environment have it. */
export function placesOf({ env, cwd }: Pick<Io, "env" | "cwd">, request: PlaceRequest): ImagesOptions {
  const root = request.root ?? (env["OCIBUILD_ROOT"] || undefined);
  const dockerConfigDir = env["DOCKER_CONFIG"] || undefined;
  return {
    cwd,
    ...(root === undefined ? {} : { root }),
    ...(dockerConfigDir === undefined ? {} : { dockerConfigDir }),
    registryMirrors: request.registryMirror ?? [],
    insecureRegistries: request.insecureRegistry ?? [],
  };
}

export interface ImagesWork {
  readonly images: Images;
  readonly onEvent: OnEvent;
  readonly signal: AbortSignal;
  /** Shows the last state of the progress: what is written afterwards stands below it. */
  readonly finish: () => void;
}

/** Opens the store and runs `work`, which signals abort; gives its exit code, or that of what went wrong. */
export async function withImages(
  io: Io,
  request: PlaceRequest,
  work: (work: ImagesWork) => Promise<number>,
  { usesStdin = false }: { readonly usesStdin?: boolean } = {},
): Promise<number> {
  const progress = request.progress ?? (io.stderr.isTTY && request.quiet !== true ? "auto" : "quiet");
  const wishes = { progress, quiet: false };
  progressModeOf(io, wishes);
  return runWithProgress(
    io,
    { request: wishes, usesStdin, title: "Transferring", warnsWhenQuiet: request.progress !== "quiet" },
    async ({ onEvent, signal, finish }) => {
      const { openImages } = await import("../../open-images.js");
      await using images = await openImages({ ...placesOf(io, request), onEvent, signal });
      return work({ images, onEvent, signal, finish });
    },
  );
}

/** `--platform` of a command that takes one. @throws OPTIONS_INVALID */
export function onePlatform(text: string | undefined): Platform | undefined {
  return text === undefined || text === "" ? undefined : platformOf(text);
}

/** `--platform` of a command that takes several, repeated or with commas. @throws OPTIONS_INVALID */
export function severalPlatforms(texts: readonly string[]): readonly Platform[] {
  const words = texts.flatMap((written) => written.split(","));
  return words.filter((word) => word.trim() !== "").map((word) => platformOf(word.trim()));
}

function platformOf(word: string): Platform {
  try {
    return word.toLowerCase() === "local" ? hostPlatform() : parsePlatform(word);
  } catch (error) {
    throw optionError("--platform", `--platform: ${error instanceof Error ? error.message : word}`);
  }
}
