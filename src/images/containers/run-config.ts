/** The image's config and what the command line says, as docker joins them. */
import { OcibuildError } from "../../errors.js";
import type { ExecutionConfig } from "../../oci/types.js";

export interface ConfigWishes {
  /** Instead of the image's CMD. */
  readonly command?: readonly string[];
  /** Instead of the image's ENTRYPOINT, whose CMD then goes as well; empty for none. */
  readonly entrypoint?: string | undefined;
  /** `NAME=VALUE`; `NAME=` is an empty value. */
  readonly env?: readonly string[];
  /** `USER[:GROUP]`, names or numbers. */
  readonly user?: string | undefined;
  /** Absolute. */
  readonly workdir?: string | undefined;
  readonly labels?: Readonly<Record<string, string>>;
}

/** @throws OPTIONS_INVALID when there is nothing to run, or the folder is no absolute path */
export function runConfig(image: ExecutionConfig, wishes: ConfigWishes): ExecutionConfig {
  const { command = [], entrypoint, env = [], user, workdir, labels = {} } = wishes;
  const hasEntrypoint = entrypoint !== undefined;
  const Entrypoint = hasEntrypoint ? (entrypoint === "" ? [] : [entrypoint]) : (image.Entrypoint ?? []);
  const Cmd = command.length > 0 || hasEntrypoint ? command : (image.Cmd ?? []);
  if (Entrypoint.length + Cmd.length === 0) {
    throw new OcibuildError("OPTIONS_INVALID", "no command specified", {
      details: { option: "COMMAND" },
      hint: "The image has none of its own: write one after its name.",
    });
  }
  if (workdir !== undefined && !workdir.startsWith("/")) {
    throw new OcibuildError(
      "OPTIONS_INVALID",
      `the working directory '${workdir}' is invalid, it needs to be an absolute path`,
      { details: { option: "--workdir" } },
    );
  }
  const allLabels = { ...image.Labels, ...labels };
  return {
    ...image,
    Env: joinEnv(image.Env ?? [], env),
    Entrypoint,
    Cmd: [...Cmd],
    ...(user === undefined || user === "" ? {} : { User: user }),
    ...(workdir === undefined ? {} : { WorkingDir: workdir }),
    ...(Object.keys(allLabels).length === 0 ? {} : { Labels: allLabels }),
  };
}

/** Later ones replace earlier ones of the same name, in their place. */
export function joinEnv(image: readonly string[], added: readonly string[]): readonly string[] {
  const joined = new Map<string, string>();
  for (const entry of [...image, ...added]) joined.set(entry.split("=", 1)[0]!, entry);
  return [...joined.values()];
}
