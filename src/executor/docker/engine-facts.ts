/** What kind of engine answers, and what follows from that. */
import type { Platform } from "../../oci/types.js";
import type { ExecutorCapabilities } from "../contract.js";
import type { Engine } from "./engine.js";
import { type EngineInfo, type EngineVersion, InfoSchema, VersionSchema } from "./schemas.js";

export interface EngineFacts {
  readonly platform: Platform;
  readonly isPodman: boolean;
  /** `Docker 26.1.5`, for messages. */
  readonly shown: string;
  /**
   * How what a container changed comes back: from the folder in which the engine keeps it, or by way of an image.
   * `undefined` when there is no way that loses nothing.
   */
  readonly changes: "folder" | "image" | undefined;
  readonly driver: string;
  /** The engine's clock, RFC 3339. */
  readonly now: string;
}

/** @throws EXECUTOR_FAILED; the signal's reason */
export async function engineFacts(engine: Engine, signal: AbortSignal | undefined): Promise<EngineFacts> {
  const version = await engine.json({ method: "GET", path: "/version", signal }, VersionSchema);
  const info = await engine.json({ method: "GET", path: "/info", signal }, InfoSchema);
  const isPodman = (version.Components ?? []).some(({ Name }) => /podman/i.test(Name));
  return {
    platform: platformOf(version),
    isPodman,
    shown: `${isPodman ? "Podman" : "Docker"} ${version.Version}`,
    changes: changesOf(version, info, isPodman),
    driver: info.Driver,
    now: info.SystemTime ?? "1970-01-01T00:00:00Z",
  };
}

/** Since here `docker save` names each layer by its digest. */
const LAYERS_BY_DIGEST = 44;

function changesOf({ ApiVersion }: EngineVersion, info: EngineInfo, isPodman: boolean): EngineFacts["changes"] {
  const status = new Map((info.DriverStatus ?? []).map(([name = "", value = ""]) => [name, value]));
  // Its archives say that everything belongs to one user.
  if (isPodman) return "image";
  const isOverlay = info.Driver === "overlay2" || info.Driver === "overlay";
  // Else the folder holds marks of overlayfs that only the kernel understands.
  if (isOverlay && status.get("Native Overlay Diff") === "true" && status.get("Using metacopy") !== "true")
    return "folder";
  const [major = 0, minor = 0] = ApiVersion.split(".").map(Number);
  return major > 1 || minor >= LAYERS_BY_DIGEST ? "image" : undefined;
}

function platformOf({ Os: os, Arch: architecture }: EngineVersion): Platform {
  return architecture === "arm64" ? { os, architecture, variant: "v8" } : { os, architecture };
}

/** Variables that the engine sets where the image does not. */
function addedVariables(isPodman: boolean): readonly string[] {
  return isPodman ? ["HOME", "HOSTNAME"] : ["HOME"];
}

export function capabilitiesOf({ platform, isPodman }: EngineFacts, seesOurFiles: boolean): ExecutorCapabilities {
  return {
    boundary: "engine",
    platforms: [platform],
    mounts: ["bind", "cache", "tmpfs", "secret", "file", ...(seesOurFiles ? (["ssh"] as const) : [])],
    networks: ["default", "none", "host"],
    securities: ["sandbox", "insecure"],
    ids: "all",
    limits: true,
    addedVariables: addedVariables(isPodman),
  };
}
