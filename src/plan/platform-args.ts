/** Variables in the scope of FROM: the platform ARGs and those that stand before the first FROM. */
import type { Dockerfile } from "../dockerfile/ast.js";
import { expandWord } from "../dockerfile/expand.js";
import { formatPlatform } from "../oci/platform.js";
import type { Platform } from "../oci/types.js";
import { Environment } from "./environment.js";
import type { ArgFacts } from "./outline-record.js";
import { at } from "./problem.js";

export interface GlobalScope {
  /** Stages see those that they declare. */
  readonly args: Environment;
  /** The ARGs before the first FROM, those without value too. */
  readonly declared: ReadonlyMap<string, ArgFacts>;
}

export interface GlobalScopeOptions {
  readonly buildPlatform: Platform;
  readonly targetPlatform: Platform;
  readonly target: string | undefined;
  readonly buildArgs: ReadonlyMap<string, string>;
}

/**
 * The global scope: BUILDPLATFORM and its parts, TARGETPLATFORM and its parts, TARGETSTAGE (`--build-arg` overrides
 * them), then the ARGs before the first FROM in their order.
 * @spec Dockerfile reference, "Automatic platform ARGs in the global scope"
 */
export function globalScope(dockerfile: Dockerfile, options: GlobalScopeOptions): GlobalScope {
  return declareArgs(dockerfile, automaticArgs(dockerfile, options), options.buildArgs);
}

/** The global scope of a build that is given no value for the ARGs before the first FROM. */
export function defaultScope(dockerfile: Dockerfile, options: GlobalScopeOptions): GlobalScope {
  return declareArgs(dockerfile, automaticArgs(dockerfile, options), new Map());
}

function automaticArgs(dockerfile: Dockerfile, options: GlobalScopeOptions): Environment {
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
  return args;
}

function declareArgs(dockerfile: Dockerfile, args: Environment, buildArgs: ReadonlyMap<string, string>): GlobalScope {
  const declared = new Map<string, ArgFacts>();
  for (const instruction of dockerfile.globalArgs) {
    for (const definition of instruction.args) {
      const { value } = definition;
      const name = definition.name.value;
      const where = { source: dockerfile.source, span: (value ?? definition.name).span };
      at(where, () => {
        const given = buildArgs.get(name);
        const isExpanded = given === undefined && value !== undefined;
        const expansion = isExpanded ? expandWord(value.value, args, { escape: dockerfile.escape }) : undefined;
        const result = given ?? expansion?.value;
        if (result !== undefined) args.set(name, result);
        const uses = new Set(expansion?.matched);
        // What refers to itself needs what it needed before.
        if (uses.delete(name)) for (const each of declared.get(name)?.uses ?? []) uses.add(each);
        declared.set(name, { definition, value: result ?? "", span: instruction.span, uses });
      });
    }
  }
  return { args, declared };
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
