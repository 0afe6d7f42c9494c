/**
 * `registries.conf` as podman, buildah and skopeo read it (version 2): mirrors, other locations, insecure and blocked
 * registries. What it says about short names is not used: those are Docker Hub's here. @spec containers-registries.conf(5)
 */
import { join } from "node:path";
import { invalidFile, listConfigFiles, readConfigFile } from "./config-files.js";
import type { RegistryEnvironment } from "./environment.js";
import type { Mirror, RegistryRule } from "./host-rules.js";
import { parseMirror } from "./hosts.js";
import type { RegistriesConf, RegistriesConfEntry, RegistriesConfMirror } from "./schemas.js";

const SYSTEM_FOLDER = "/etc/containers";

/**
 * The rules of the user's file, or else the system's, and of the files in `registries.conf.d`, which replace rules of the
 * same prefix.
 * @throws OPTIONS_INVALID
 */
export async function readRegistriesConf(environment: RegistryEnvironment): Promise<readonly RegistryRule[]> {
  const { env, homeDir, systemDir = "/" } = environment;
  const system = join(systemDir, SYSTEM_FOLDER);
  const user = join(env["XDG_CONFIG_HOME"] || join(homeDir, ".config"), "containers");
  const rules = new Map<string, RegistryRule>();
  const explicit = env["CONTAINERS_REGISTRIES_CONF"];
  const candidates = explicit ? [explicit] : [join(user, "registries.conf"), join(system, "registries.conf")];
  for (const path of candidates) {
    const text = await readConfigFile(path);
    if (text === undefined) continue;
    for (const rule of await parseRegistriesConf(path, text)) rules.set(rule.prefix, rule);
    break;
  }
  for (const folder of [join(system, "registries.conf.d"), join(user, "registries.conf.d")]) {
    for (const path of await listConfigFiles(folder, [".conf"])) {
      for (const rule of await parseRegistriesConf(path, (await readConfigFile(path)) ?? "")) {
        rules.set(rule.prefix, rule);
      }
    }
  }
  return [...rules.values()];
}

/** @throws OPTIONS_INVALID */
export async function parseRegistriesConf(path: string, text: string): Promise<readonly RegistryRule[]> {
  // Most files have only comments and short names: the parser need not be loaded for them.
  if (!/^\s*\[+\s*registr/m.test(text)) return [];
  const [{ parse }, { RegistriesConfSchema }] = await Promise.all([import("smol-toml"), import("./schemas.js")]);
  let data: unknown;
  try {
    data = parse(text);
  } catch (cause) {
    throw invalidFile(path, `it is not TOML (${String((cause as Error).message).split("\n", 1)[0]})`, cause);
  }
  const conf = RegistriesConfSchema.safeParse(data);
  if (!conf.success) {
    throw invalidFile(path, `"${conf.error.issues[0]?.path.join(".") ?? ""}" is not what was expected`);
  }
  refuseVersion1(path, conf.data);
  return (conf.data.registry ?? []).map((entry) => ruleOf(path, entry));
}

function refuseVersion1(path: string, { registries }: RegistriesConf): void {
  const has = (list: { readonly registries?: readonly string[] | undefined } | undefined): boolean =>
    (list?.registries ?? []).length > 0;
  if (has(registries?.insecure) || has(registries?.block)) {
    throw invalidFile(path, "it is of version 1 of its format; write [[registry]] entries");
  }
}

function ruleOf(path: string, entry: RegistriesConfEntry): RegistryRule {
  const prefix = (entry.prefix || entry.location || "").toLowerCase().replace(/\/+$/, "");
  const wildcard = prefix.startsWith("*.");
  if (parsePlace(wildcard ? prefix.slice(2) : prefix) === undefined) {
    throw invalidFile(path, `${JSON.stringify(prefix)} is no prefix of names of images`);
  }
  const location = entry.location ? parsePlace(entry.location) : undefined;
  if (entry.location && location === undefined) throw notAPlace(path, entry.location);
  const same = location !== undefined && [location.host, location.path].join("/").replace(/\/$/, "") === prefix;
  return {
    prefix,
    ...(location === undefined || same ? {} : { location }),
    insecure: entry.insecure ?? false,
    blocked: entry.blocked ?? false,
    mirrors: (entry.mirror ?? []).map((mirror) => mirrorOf(path, mirror, entry["mirror-by-digest-only"] ?? false)),
    file: path,
  };
}

function mirrorOf(path: string, mirror: RegistriesConfMirror, digestsOnly: boolean): Mirror {
  const place = parsePlace(mirror.location);
  if (place === undefined) throw notAPlace(path, mirror.location);
  const pulls = mirror["pull-from-mirror"];
  if (pulls !== undefined && pulls !== "all" && pulls !== "digest-only" && pulls !== "tag-only") {
    throw invalidFile(
      path,
      `pull-from-mirror expected "all", "digest-only" or "tag-only" but got ${JSON.stringify(pulls)}`,
    );
  }
  const only = digestsOnly || pulls === "digest-only" ? "digests" : pulls === "tag-only" ? "tags" : undefined;
  return { ...place, ...(mirror.insecure === true ? { insecure: true } : {}), ...(only === undefined ? {} : { only }) };
}

/** `host[:port][/path]` without a scheme. */
function parsePlace(text: string): { readonly host: string; readonly path: string } | undefined {
  const place = parseMirror(text);
  return place === undefined || place.scheme !== undefined ? undefined : { host: place.host, path: place.path };
}

function notAPlace(path: string, location: string): Error {
  return invalidFile(path, `location ${JSON.stringify(location)} is not host[:port][/path] without a scheme`);
}
