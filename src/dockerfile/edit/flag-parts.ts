/** The flags of a description, in the order in which a new instruction has them. */
import { goDuration } from "../../util/go-format.js";
import { parseCsv } from "../csv.js";
import { parseDuration } from "../duration.js";
import { parseDevice } from "../instructions/run-device.js";
import type {
  HealthcheckDescription,
  InstructionDescription,
  Mount,
  Name,
  RunDescription,
  Text,
} from "./descriptions.js";
import { encodeCsv, encodeText } from "./encode-text.js";
import type { FlagPart } from "./parts.js";

/** Those that are given: a switch that is off by itself is not. */
export function flagParts(description: InstructionDescription, escapeChar: string): readonly FlagPart[] {
  const text = (name: string, value: Text | undefined): FlagPart[] =>
    value === undefined ? [] : [{ name, value: encodeText(value, escapeChar, "bare") }];
  switch (description.kind) {
    case "FROM":
      return text("platform", description.platform);
    case "RUN":
      return runFlags(description, escapeChar);
    case "COPY":
      return [
        ...list("from", description.from === undefined ? [] : [description.from]),
        ...text("chown", description.chown),
        ...text("chmod", description.chmod),
        ...isOn("link", description.link),
        ...isOn("parents", description.parents),
        ...list("exclude", description.exclude ?? []),
      ];
    case "ADD":
      return [
        ...text("checksum", description.checksum),
        ...text("chown", description.chown),
        ...text("chmod", description.chmod),
        ...isOn("link", description.link),
        ...either("keep-git-dir", description.keepGitDir),
        ...either("unpack", description.unpack),
        ...list("exclude", description.exclude ?? []),
      ];
    case "HEALTHCHECK":
      return checkFlags(description);
    default:
      return [];
  }
}

function list(name: string, values: readonly Name[]): FlagPart[] {
  return values.map((value) => ({ name, value: typeof value === "string" ? value : value.value }));
}

function isOn(name: string, value: boolean | undefined): FlagPart[] {
  return value === true ? [{ name, value: undefined }] : [];
}

function either(name: string, value: boolean | undefined): FlagPart[] {
  return value === undefined ? [] : [{ name, value: value ? undefined : "false" }];
}

function runFlags({ mounts = [], network, security, devices = [] }: RunDescription, escapeChar: string): FlagPart[] {
  return [
    ...mounts.map((mount) => ({ name: "mount", value: mountText(mount, escapeChar) })),
    ...devices.map((device) => ({ name: "device", value: deviceText(device) })),
    ...list("network", network === undefined ? [] : [network]),
    ...list("security", security === undefined ? [] : [security]),
  ];
}

function mountText(mount: Mount, escapeChar: string): string {
  if (typeof mount === "string") {
    const fields = parseCsv(mount);
    return Array.isArray(fields) ? encodeCsv(fields) : mount;
  }
  if (isTreeMount(mount)) return encodeCsv(mount.options.map((option) => option.text));
  const fields = Object.entries(mount).map(([name, value]) =>
    value === true ? name : `${name}=${encodeText(value, escapeChar, "bare")}`,
  );
  return encodeCsv(fields);
}

function isTreeMount(mount: Exclude<Mount, string>): mount is Extract<Mount, { options: readonly unknown[] }> {
  return Array.isArray(mount["options"]);
}

function deviceText(device: NonNullable<RunDescription["devices"]>[number]): string {
  if (typeof device === "string") {
    const parsed = parseDevice({ value: device, span: { start: 0, end: 0 } }, () => undefined);
    return parsed === undefined ? device : deviceText(parsed);
  }
  return encodeCsv([device.name, ...(device.required === true ? ["required"] : [])]);
}

function checkFlags({ check }: HealthcheckDescription): FlagPart[] {
  if (check === "none" || ("type" in check && check.type === "none")) return [];
  const times =
    "type" in check
      ? [check.intervalNs, check.timeoutNs, check.startPeriodNs, check.startIntervalNs]
      : [check.interval, check.timeout, check.startPeriod, check.startInterval];
  const names = ["interval", "timeout", "start-period", "start-interval"];
  const { retries = 0 } = check;
  return [
    ...names.flatMap((name, index) => duration(name, times[index])),
    ...(retries === 0 ? [] : [{ name: "retries", value: String(retries) }]),
  ];
}

/** In Go's spelling, so that `90s` and `1m30s` are the same. What is no duration stays, for the parser to refuse. */
function duration(name: string, value: string | number | undefined): FlagPart[] {
  const time = typeof value === "string" ? parseDuration(value) : (value ?? 0);
  if (typeof time !== "number") return [{ name, value: value as string }];
  return time === 0 ? [] : [{ name, value: goDuration(time) }];
}
