/**
 * Our own configuration, `registries.json`: for each `host[:port]`, part of its names, or `*.domain`, its mirrors, another
 * location, whether it is insecure or blocked, and its certificates. An unknown word is an error.
 */
import { dirname, join, resolve } from "node:path";
import { invalidFile, readConfigFile } from "./config-files.js";
import type { RegistryEnvironment } from "./environment.js";
import type { RegistryRule } from "./host-rules.js";
import { parseMirror } from "./hosts.js";

/** Certificates of a host, as absolute paths of PEM files. */
export interface CertificatePaths {
  readonly ca?: string;
  readonly cert?: string;
  readonly key?: string;
}

export interface RegistriesFile {
  readonly rules: readonly RegistryRule[];
  /** By host in lower case. */
  readonly certificates: ReadonlyMap<string, CertificatePaths>;
}

/**
 * Reads `$OCIBUILD_REGISTRIES`, else `registries.json` in `$XDG_CONFIG_HOME/ocibuild` or `~/.config/ocibuild`.
 * @throws OPTIONS_INVALID, also when `$OCIBUILD_REGISTRIES` names no file
 */
export async function readRegistriesFile({ env, homeDir }: RegistryEnvironment): Promise<RegistriesFile> {
  const explicit = env["OCIBUILD_REGISTRIES"];
  const path = explicit || join(env["XDG_CONFIG_HOME"] || join(homeDir, ".config"), "ocibuild", "registries.json");
  const text = await readConfigFile(path);
  if (text === undefined && explicit) throw invalidFile(path, "OCIBUILD_REGISTRIES names it, but it is not there");
  return text === undefined ? { rules: [], certificates: new Map() } : parseRegistriesFile(path, text);
}

/** @throws OPTIONS_INVALID */
export async function parseRegistriesFile(path: string, text: string): Promise<RegistriesFile> {
  const { RegistriesFileSchema } = await import("./schemas.js");
  let data: unknown;
  try {
    data = JSON.parse(text);
  } catch (cause) {
    throw invalidFile(path, "it is not JSON", cause);
  }
  const file = RegistriesFileSchema.safeParse(data);
  if (!file.success) {
    const issue = file.error.issues[0];
    const keys = issue?.code === "unrecognized_keys" ? ` (${issue.keys.join(", ")})` : "";
    throw invalidFile(path, `"${issue?.path.join(".") ?? ""}" is not what was expected${keys}`);
  }
  const rules: RegistryRule[] = [];
  const certificates = new Map<string, CertificatePaths>();
  for (const [name, entry] of Object.entries(file.data)) {
    const prefix = name.toLowerCase();
    const place = parseMirror(prefix.replace(/^\*\./, ""));
    if (place === undefined || place.scheme !== undefined)
      throw invalidFile(path, `${JSON.stringify(name)} is no registry`);
    const mirrors = (entry.mirrors ?? []).map((mirror) => parsed(path, mirror));
    const location = entry.location === undefined ? undefined : parsed(path, entry.location);
    if (location?.scheme !== undefined) throw invalidFile(path, `location "${entry.location}" has a scheme`);
    rules.push({
      prefix,
      ...(location === undefined ? {} : { location: { host: location.host, path: location.path } }),
      insecure: entry.insecure ?? false,
      blocked: entry.blocked ?? false,
      mirrors,
      file: path,
    });
    const { ca, cert, key } = entry;
    if (ca === undefined && cert === undefined && key === undefined) continue;
    if (place.path !== "" || prefix.startsWith("*."))
      throw invalidFile(path, `"${name}" has certificates, but is no host`);
    if ((cert === undefined) !== (key === undefined)) throw invalidFile(path, `"${name}" needs both cert and key`);
    const at = (file: string): string => resolve(dirname(path), file);
    certificates.set(place.host, {
      ...(ca === undefined ? {} : { ca: at(ca) }),
      ...(cert === undefined ? {} : { cert: at(cert) }),
      ...(key === undefined ? {} : { key: at(key) }),
    });
  }
  return { rules, certificates };
}

function parsed(path: string, text: string): NonNullable<ReturnType<typeof parseMirror>> {
  const place = parseMirror(text);
  if (place === undefined)
    throw invalidFile(path, `${JSON.stringify(text)} is not a server like "https://mirror.example/path"`);
  return place;
}
