/**
 * The options of `docker buildx build`, and of ocibuild's own design, that this version cannot honour. Each is refused
 * by name, with what to do instead: an option that is read and ignored makes another image than the one asked for.
 */
import { parseSwitchValue, type RefusedOption } from "./option.js";

const NEEDS_RUN = "It is for RUN, which this version does not execute.";
const LATER = "It is not in this version; leave it out.";

const isFalse = (value: string): boolean => parseSwitchValue(value) === false;
const isOneOf =
  (...values: readonly string[]) =>
  (value: string): boolean =>
    values.includes(value);

/** An option with a value. */
function refused(name: string, hint: string, isDefault: (value: string) => boolean = () => false): RefusedOption {
  return { kind: "refused", isSwitch: false, name, hint, isDefault };
}

/** A switch; `=false` is what happens anyway. */
function refusedSwitch(name: string, hint: string): RefusedOption {
  return { kind: "refused", isSwitch: true, name, hint, isDefault: isFalse };
}

export const REFUSED_OPTIONS: readonly RefusedOption[] = [
  refused("add-host", NEEDS_RUN),
  refused("allow", NEEDS_RUN),
  refused("attest", "Attestations are off; leave it out.", (value) => /(?:^|,)disabled=true(?:,|$)/.test(value)),
  refused("builder", "There are no builders to choose from; leave it out."),
  refused(
    "cache-from",
    "The store of this machine is always used as a cache; caches elsewhere are not in this version.",
  ),
  refused("cache-to", "The store of this machine is always used as a cache; caches elsewhere are not in this version."),
  refused("cgroup-parent", NEEDS_RUN),
  refusedSwitch("compress", "Nothing is sent anywhere, so there is nothing to compress; see --compression for layers."),
  refused("cpu-period", NEEDS_RUN),
  refused("cpu-quota", NEEDS_RUN),
  { ...refused("cpu-shares", NEEDS_RUN), short: "c" },
  refused("cpuset-cpus", NEEDS_RUN),
  refused("cpuset-mems", NEEDS_RUN),
  { ...refusedSwitch("debug", "Set OCIBUILD_DEBUG=1 to see the stacks of errors."), short: "D" },
  refused("executor", "This version has no executor: leave it out, or say none.", isOneOf("none")),
  refusedSwitch("explain", LATER),
  refusedSwitch("force-rm", "There are no intermediate containers; leave it out."),
  refused("isolation", NEEDS_RUN, isOneOf("default")),
  refusedSwitch("load", 'Write an archive with --output type=docker,dest=image.tar, then "docker load -i image.tar".'),
  { ...refused("memory", NEEDS_RUN), short: "m" },
  refused("memory-swap", NEEDS_RUN),
  refused("network", NEEDS_RUN, isOneOf("default")),
  refused("policy", LATER),
  refused("print", "Its name is --call by now."),
  refused("provenance", "Attestations are off; say --provenance=false or leave it out.", isFalse),
  refusedSwitch("require-cache", LATER),
  refused("resource", NEEDS_RUN),
  {
    ...refusedSwitch("rm", "There are no intermediate containers; leave it out."),
    isDefault: (value) => parseSwitchValue(value) === true,
  },
  refused("sbom", "Attestations are off; say --sbom=false or leave it out.", isFalse),
  refused("secret", NEEDS_RUN),
  refused("security-opt", NEEDS_RUN),
  refused("shm-size", NEEDS_RUN),
  refusedSwitch("squash", "Put what belongs in one layer into a stage of its own and COPY --from it."),
  refused("ssh", NEEDS_RUN),
  refused("ulimit", NEEDS_RUN),
];
