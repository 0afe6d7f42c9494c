/**
 * Platforms: `os[(version)][/architecture[/variant]]` as on the command line, and which image of an index suits one.
 *
 * Normalising and matching follow containerd, so that the same image is chosen as Docker would choose.
 * @spec image-index.md#image-index-property-descriptions (platform)
 */
import { OcibuildError } from "../errors.js";
import type { Descriptor, Platform } from "./types.js";

const OS_PART = /^([A-Za-z0-9_-]+)(?:\(([A-Za-z0-9_.-]*)\))?$/;
const PART = /^[A-Za-z0-9_.-]+$/;

const KNOWN_OS: ReadonlySet<string> = new Set(
  "aix android darwin dragonfly freebsd hurd illumos ios js linux nacl netbsd openbsd plan9 solaris windows zos".split(
    " ",
  ),
);
const KNOWN_ARCHITECTURES: ReadonlySet<string> = new Set(
  (
    "386 amd64 amd64p32 arm armbe arm64 arm64be ppc64 ppc64le loong64 mips mipsle mips64 mips64le mips64p32 " +
    "mips64p32le ppc riscv riscv64 s390 s390x sparc sparc64 wasm"
  ).split(" "),
);

const NODE_ARCHITECTURES: ReadonlyMap<string, string> = new Map([
  ["x64", "amd64"],
  ["ia32", "386"],
  ["arm64", "arm64"],
  ["arm", "arm"],
  ["ppc64", "ppc64le"],
  ["s390x", "s390x"],
  ["riscv64", "riscv64"],
  ["loong64", "loong64"],
  ["mips", "mips"],
  ["mipsel", "mipsle"],
]);

/**
 * The platform that builds are for when none is asked for: always Linux, with the architecture of this Node
 * (`process.arch` or one given in its words).
 */
export function hostPlatform(nodeArchitecture: string = process.arch): Platform {
  return normalizePlatform({
    os: "linux",
    architecture: NODE_ARCHITECTURES.get(nodeArchitecture) ?? nodeArchitecture,
  });
}

/**
 * Reads one platform, normalised. `host` fills in what a form of one part leaves out (`linux`, `arm64`) and stands for
 * the empty text.
 * @throws PLATFORM_INVALID
 */
export function parsePlatform(text: string, host: Platform = hostPlatform()): Platform {
  if (text === "") return normalizePlatform(host);
  if (text.includes("*")) throw invalid(text, "wildcards not yet supported");
  const parts = text.split("/", 4);
  const [osText = "", architecture, variant] = parts;
  const osMatch = OS_PART.exec(osText);
  if (osMatch === null) {
    throw invalid(
      text,
      `"${osText}" is an invalid OS component: expected a name, with a version in parentheses if any`,
    );
  }
  const wrong = parts.slice(1).find((part) => !PART.test(part));
  if (wrong !== undefined) {
    throw invalid(text, `"${wrong}" is an invalid component: expected letters, digits, "_", "." and "-"`);
  }
  if (parts.length > 3) throw invalid(text, "expected at most three parts");

  const os = normalizeOs(osMatch[1]!);
  const version = osMatch[2] === undefined || osMatch[2] === "" ? {} : { "os.version": osMatch[2] };
  if (architecture !== undefined) {
    return normalizePlatform({ os, architecture, ...(variant === undefined ? {} : { variant }), ...version });
  }
  if (KNOWN_OS.has(os)) {
    return normalizePlatform({
      os,
      architecture: host.architecture,
      ...(host.variant === undefined ? {} : { variant: host.variant }),
      ...version,
    });
  }
  const alone = normalizePlatform({ os: host.os, architecture: text });
  if (KNOWN_ARCHITECTURES.has(alone.architecture)) return alone;
  throw invalid(text, "unknown operating system or architecture");
}

/**
 * Reads a comma-separated list of platforms, in its order, repetitions kept.
 * @throws PLATFORM_INVALID
 */
export function parsePlatforms(text: string, host: Platform = hostPlatform()): Platform[] {
  return text.split(",").map((part) => parsePlatform(part.trim(), host));
}

/** `os[(version)]/architecture[/variant]`; `parsePlatform` reads it back. */
export function formatPlatform(platform: Platform): string {
  const version = platform["os.version"];
  const os = version === undefined || version === "" ? platform.os : `${platform.os}(${version})`;
  const { architecture, variant } = platform;
  return variant === undefined || variant === "" ? `${os}/${architecture}` : `${os}/${architecture}/${variant}`;
}

/** The canonical spelling: lower case, aliases resolved, `arm` has a variant, `arm64/v8` and `amd64/v1` have none. */
export function normalizePlatform(platform: Platform): Platform {
  const { architecture, variant } = normalizeArchitecture(
    platform.architecture.toLowerCase(),
    (platform.variant ?? "").toLowerCase(),
  );
  const version = platform["os.version"];
  const features = platform["os.features"];
  return {
    os: normalizeOs(platform.os),
    architecture,
    ...(variant === "" ? {} : { variant }),
    ...(version === undefined || version === "" ? {} : { "os.version": version }),
    ...(features === undefined || features.length === 0 ? {} : { "os.features": [...features].sort() }),
  };
}

/** Whether both name the same platform after normalising. */
export function samePlatform(a: Platform, b: Platform): boolean {
  return formatPlatform(normalizePlatform(a)) === formatPlatform(normalizePlatform(b));
}

/**
 * How well an image for `available` serves where `wanted` is asked for: 0 for the same platform, more for an older
 * variant or a compatible architecture, `undefined` when it does not run there.
 */
export function matchPlatform(available: Platform, wanted: Platform): number | undefined {
  const have = normalizePlatform(available);
  const want = normalizePlatform(wanted);
  if (have.os !== want.os || !versionSuits(have, want) || !featuresSuit(have, want)) return undefined;
  return architectureDistance(have, want);
}

/**
 * The entry of an index that Docker would choose for `wanted`: the best match, the first of equals; entries without a
 * platform come last. `reference` names the image in the error.
 * @throws PLATFORM_NOT_FOUND
 */
export function choosePlatform(manifests: readonly Descriptor[], wanted: Platform, reference: string): Descriptor {
  let best: Descriptor | undefined;
  let bestDistance = Number.POSITIVE_INFINITY;
  for (const candidate of manifests) {
    const distance =
      candidate.platform === undefined ? Number.MAX_SAFE_INTEGER : matchPlatform(candidate.platform, wanted);
    if (distance === undefined) continue;
    const better =
      distance < bestDistance ||
      (distance === bestDistance && featureCount(candidate.platform) > featureCount(best?.platform));
    if (better) {
      best = candidate;
      bestDistance = distance;
    }
  }
  if (best !== undefined) return best;
  const available = [
    ...new Set(manifests.flatMap(({ platform }) => (platform === undefined ? [] : [formatPlatform(platform)]))),
  ];
  const shown = available.filter((name) => name !== "unknown/unknown");
  const platform = formatPlatform(wanted);
  throw new OcibuildError("PLATFORM_NOT_FOUND", `image "${reference}" has no manifest for platform "${platform}"`, {
    details: { reference, platform, available: shown },
    hint: shown.length === 0 ? "It names no platform at all." : `It is there for ${shown.slice(0, 20).join(", ")}.`,
  });
}

function normalizeOs(os: string): string {
  const lower = os.toLowerCase();
  return lower === "macos" ? "darwin" : lower;
}

function normalizeArchitecture(architecture: string, variant: string): { architecture: string; variant: string } {
  switch (architecture) {
    case "i386":
      return { architecture: "386", variant: "" };
    case "x86_64":
    case "x86-64":
    case "amd64":
      return { architecture: "amd64", variant: variant === "v1" ? "" : variant };
    case "aarch64":
    case "arm64":
      if (variant === "8" || variant === "v8" || variant === "v8.0") return { architecture: "arm64", variant: "" };
      if (variant === "9" || variant === "9.0" || variant === "v9.0") return { architecture: "arm64", variant: "v9" };
      return { architecture: "arm64", variant };
    case "armhf":
      return { architecture: "arm", variant: "v7" };
    case "armel":
      return { architecture: "arm", variant: "v6" };
    case "arm":
      if (variant === "") return { architecture: "arm", variant: "v7" };
      return { architecture: "arm", variant: /^[5-8]$/.test(variant) ? `v${variant}` : variant };
    default:
      return { architecture, variant };
  }
}

/** Beyond every distance between variants of one architecture. */
const OTHER_ARCHITECTURE = 1_000_000;

function architectureDistance(have: Platform, want: Platform): number | undefined {
  const haveVariant = have.variant ?? "";
  const wantVariant = want.variant ?? "";
  if (have.architecture === want.architecture && haveVariant === wantVariant) return 0;
  switch (want.architecture) {
    case "amd64": {
      if (have.architecture === "386") return haveVariant === "" ? OTHER_ARCHITECTURE : undefined;
      if (have.architecture !== "amd64") return undefined;
      return olderBy(haveVariant === "" ? "v1" : haveVariant, wantVariant === "" ? "v1" : wantVariant, 1);
    }
    case "arm":
      return have.architecture === "arm" ? olderBy(haveVariant, wantVariant, 5) : undefined;
    case "arm64": {
      const version = arm64Version(wantVariant);
      if (version === undefined) return undefined;
      if (have.architecture === "arm") {
        const distance = olderBy(haveVariant, "v8", 5);
        return distance === undefined ? undefined : OTHER_ARCHITECTURE + distance;
      }
      return have.architecture === "arm64" ? arm64Distance(arm64Version(haveVariant), version) : undefined;
    }
    default:
      return undefined;
  }
}

/** How many steps variant `have` (`v6`) is older than `want` (`v7`), if it is and is not older than `v<oldest>`. */
function olderBy(have: string, want: string, oldest: number): number | undefined {
  const older = variantNumber(have);
  const newer = variantNumber(want);
  if (older === undefined || newer === undefined || older > newer || older < oldest) return undefined;
  return newer - older;
}

function variantNumber(variant: string): number | undefined {
  const match = /^v([1-9][0-9]{0,2})$/.exec(variant);
  return match === null ? undefined : Number(match[1]);
}

interface Arm64Version {
  readonly major: 8 | 9;
  readonly minor: number;
}

function arm64Version(variant: string): Arm64Version | undefined {
  const match = /^v([89])(?:\.([0-9]))?$/.exec(variant === "" ? "v8" : variant);
  return match === null ? undefined : { major: match[1] === "9" ? 9 : 8, minor: Number(match[2] ?? 0) };
}

/** Armv9.x includes Armv8.(x+5); there is no Armv8.10. */
function arm64Distance(have: Arm64Version | undefined, want: Arm64Version): number | undefined {
  if (have === undefined) return undefined;
  if (have.major === want.major) return have.minor <= want.minor ? want.minor - have.minor : undefined;
  if (have.major > want.major) return undefined;
  const newest8 = Math.min(want.minor + 5, 9);
  return have.minor <= newest8 ? want.minor + 1 + (newest8 - have.minor) : undefined;
}

/** Only Windows ties images to a version of the system; one that is not known on either side does not decide. */
function versionSuits(have: Platform, want: Platform): boolean {
  const wanted = want["os.version"];
  const available = have["os.version"];
  if (want.os !== "windows" || wanted === undefined || available === undefined) return true;
  const build = (version: string): string => version.split(".", 3).join(".");
  return build(wanted) === build(available);
}

/** An image must not need more of the system than was promised; `win32k` never decided and still does not. */
function featuresSuit(have: Platform, want: Platform): boolean {
  const promised = want["os.features"] ?? [];
  return (have["os.features"] ?? []).every((feature) => feature === "win32k" || promised.includes(feature));
}

function featureCount(platform: Platform | undefined): number {
  return platform?.["os.features"]?.length ?? 0;
}

function invalid(text: string, reason: string): OcibuildError {
  const shown = text.length > 100 ? `${text.slice(0, 100)}…` : text;
  return new OcibuildError("PLATFORM_INVALID", `platform ${JSON.stringify(shown)} is not valid: ${reason}`, {
    details: { platform: shown },
    hint: 'Expected os/architecture[/variant], for example "linux/arm64".',
  });
}
