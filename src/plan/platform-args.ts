/** Variables in the scope of FROM: the platform ARGs and those that stand before the first FROM. */
import type { Dockerfile } from "../dockerfile/ast.js";
import { expandWord } from "../dockerfile/expand.js";
import { formatPlatform } from "../oci/platform.js";
import type { Platform } from "../oci/types.js";
import { Environment } from "./environment.js";
import { at } from "./problem.js";

/**
 * The global scope: BUILDPLATFORM and its parts, TARGETPLATFORM and its parts, TARGETSTAGE (`--build-arg` overrides
 * them), then the ARGs before the first FROM in their order. Stages see those that they declare.
 * @spec Dockerfile reference, "Automatic platform ARGs in the global scope"
 */
export function globalArgs(
  dockerfile: Dockerfile,
  options: {
    readonly buildPlatform: Platform;
    readonly targetPlatform: Platform;
    readonly target: string | undefined;
    readonly buildArgs: ReadonlyMap<string, string>;
  },
): Environment {
  const { buildPlatform, targetPlatform, buildArgs } = options;
  const stageName = options.target ?? dockerfile.stages.at(-1)?.name;
  const { "os.version": _, ...plainBuildPlatform } = buildPlatform;
  const args = new Environment();
  const predefined: readonly (readonly [string, string | undefined])[] = [
    ["BUILDPLATFORM", formatPlatform(plainBuildPlatform)],
    ["BUILDOS", buildPlatform.os],
    ["BUILDOSVERSION", buildPlatform["os.version"]],
    ["BUILDARCH", buildPlatform.architecture],
    ["BUILDVARIANT", buildPlatform.variant],
    ["TARGETPLATFORM", formatPlatform(targetPlatform)],
    ["TARGETOS", targetPlatform.os],
    ["TARGETOSVERSION", targetPlatform["os.version"]],
    ["TARGETARCH", targetPlatform.architecture],
    ["TARGETVARIANT", targetPlatform.variant],
    ["TARGETSTAGE", stageName === undefined || stageName === "" ? "default" : stageName],
  ];
  for (const [name, value] of predefined) args.set(name, buildArgs.get(name) ?? value ?? "");
  for (const instruction of dockerfile.globalArgs) {
    for (const { name, value } of instruction.args) {
      const where = { source: dockerfile.source, span: (value ?? name).span };
      at(where, () => {
        const expanded =
          buildArgs.get(name.value) ??
          (value === undefined ? undefined : expandWord(value.value, args, { escape: dockerfile.escape }).value);
        if (expanded !== undefined) args.set(name.value, expanded);
      });
    }
  }
  return args;
}

const PROXIES: readonly string[] = ["HTTP_PROXY", "HTTPS_PROXY", "FTP_PROXY", "NO_PROXY", "ALL_PROXY"];

/**
 * `NAME=value` for RUN from the predefined proxy build args, in both spellings, sorted. No ARG line is needed for them,
 * and they stay out of history and cache keys. @spec Dockerfile reference, "Predefined ARGs"
 */
export function proxyVariables(buildArgs: ReadonlyMap<string, string>): readonly string[] {
  const values = new Map<string, string>();
  for (const name of [...buildArgs.keys()].sort()) {
    if (PROXIES.includes(name.toUpperCase())) values.set(name.toUpperCase(), buildArgs.get(name)!);
  }
  return [...values]
    .filter(([, value]) => value !== "")
    .flatMap(([name, value]) => [`${name}=${value}`, `${name.toLowerCase()}=${value}`])
    .sort();
}
