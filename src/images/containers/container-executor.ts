/** Who runs a container, and whether it can do all that is asked. */
import { OcibuildError } from "../../errors.js";
import type { Executor, ExecutorCapabilities, Interaction, RunSpec } from "../../executor/contract.js";
import { formatPlatform, matchPlatform } from "../../oci/platform.js";
import type { Platform } from "../../oci/types.js";
import { chooseExecutor, type Selection } from "../../pipeline/choose-executor.js";
import type { ImagesContext } from "../images-context.js";

export interface ContainerDemand {
  readonly image: string;
  readonly platform: Platform;
  readonly user: string;
  readonly network: RunSpec["network"];
  readonly security: RunSpec["security"];
  readonly mounts: RunSpec["mounts"];
  readonly hasLimits: boolean;
  readonly interactions: readonly Interaction[];
}

const ROOT_USER = /^(?:root|0)?(?::(?:root|0)?)?$/;

const OPTION_OF: Readonly<Record<Interaction, string>> = {
  stdin: "--interactive",
  terminal: "--tty",
  keep: "keeping what a failed command changed: add --rm",
};

/** @throws EXECUTOR_NONE, EXECUTOR_UNSUPPORTED, OPTIONS_INVALID; the signal's reason */
export function containerExecutor(
  context: ImagesContext,
  wanted: string | Executor,
  demand: ContainerDemand,
): Promise<Selection> {
  return chooseExecutor(
    wanted,
    {
      assertCapable: (executor, capabilities) => {
        const feature = missing(demand, capabilities);
        if (feature === undefined) return;
        throw new OcibuildError("EXECUTOR_UNSUPPORTED", `the executor "${executor}" cannot run this here: ${feature}`, {
          details: { executor, feature },
          hint: 'Take another executor with --executor, or leave out what it lacks; "auto" takes the strongest.',
        });
      },
      noneUsable: (refused) => {
        const reasons = refused.map(([name, { reason }]) => `${name}: ${reason}`);
        const why = reasons.length === 0 ? "there is no executor" : `no executor works here (${reasons.join("; ")})`;
        const hints = refused.flatMap(([, { hint }]) => hint ?? []);
        return new OcibuildError("EXECUTOR_NONE", `image "${demand.image}" cannot be run: ${why}`, {
          details: { line: 0 },
          ...(hints.length === 0 ? {} : { hint: hints.join("; or ") }),
        });
      },
    },
    // What is printed beside the command's own output is the caller's, as with docker: no word about the executor.
    { ...context, onEvent: () => {} },
  );
}

function missing(demand: ContainerDemand, capabilities: ExecutorCapabilities): string | undefined {
  const { platform, user, network, security, mounts, hasLimits, interactions } = demand;
  if (!capabilities.platforms.some((machine) => matchPlatform(platform, machine) !== undefined)) {
    return `programs for ${formatPlatform(platform)} (register an emulator with binfmt_misc to run them)`;
  }
  if (!capabilities.networks.includes(network)) return `--network=${network}`;
  if (!capabilities.securities.includes(security)) return "--privileged";
  for (const { type } of mounts) {
    if (!capabilities.mounts.includes(type)) return type === "host" ? "--volume" : `--mount type=${type}`;
  }
  if (capabilities.ids === "root" && !ROOT_USER.test(user)) {
    return `the user "${user}", as no user but root exists (give this account ids in /etc/subuid and /etc/subgid)`;
  }
  if (hasLimits && !capabilities.limits) return "--ulimit and --shm-size";
  const lacked = interactions.find((interaction) => capabilities.interactive?.includes(interaction) !== true);
  return lacked === undefined ? undefined : OPTION_OF[lacked];
}
