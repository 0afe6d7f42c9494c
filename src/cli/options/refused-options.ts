/**
 * The options of `docker buildx build`, and of ocibuild's own design, that this version cannot honour. Each is refused
 * by name, with what to do instead: an option that is read and ignored makes another image than the one asked for.
 */
import { parseSwitchValue, type RefusedOption } from "./option.js";

const NO_CGROUPS = "Commands of RUN get no control group of their own; see --ulimit.";
const NOT_FOR_RUN = "Commands of RUN are kept apart as --executor says; leave it out.";
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
  refused("attest", "Attestations are off; leave it out.", (value) => /(?:^|,)disabled=true(?:,|$)/.test(value)),
  refused("builder", "There are no builders to choose from; leave it out."),
  refused("cgroup-parent", NO_CGROUPS),
  refusedSwitch("compress", "Nothing is sent anywhere, so there is nothing to compress; see --compression for layers."),
  refused("cpu-period", NO_CGROUPS),
  refused("cpu-quota", NO_CGROUPS),
  { ...refused("cpu-shares", NO_CGROUPS), short: "c" },
  refused("cpuset-cpus", NO_CGROUPS),
  refused("cpuset-mems", NO_CGROUPS),
  { ...refusedSwitch("debug", "Set OCIBUILD_DEBUG=1 to see the stacks of errors."), short: "D" },
  refusedSwitch("force-rm", "There are no intermediate containers; leave it out."),
  refused("isolation", NOT_FOR_RUN, isOneOf("default")),
  { ...refused("memory", NO_CGROUPS), short: "m" },
  refused("memory-swap", NO_CGROUPS),
  refused("policy", LATER),
  refused("print", "Its name is --call by now."),
  refused("provenance", "Attestations are off; say --provenance=false or leave it out.", isFalse),
  refused("resource", NO_CGROUPS),
  {
    ...refusedSwitch("rm", "There are no intermediate containers; leave it out."),
    isDefault: (value) => parseSwitchValue(value) === true,
  },
  refused("sbom", "Attestations are off; say --sbom=false or leave it out.", isFalse),
  refused("security-opt", NOT_FOR_RUN),
  refusedSwitch("squash", "Put what belongs in one layer into a stage of its own and COPY --from it."),
];
