/** The rules of the architecture as functions: sources in, sentences about what breaks a rule out. */
import { resolveImport, type SourceFile } from "./source-graph.js";

export type Sources = ReadonlyMap<string, SourceFile>;

/**
 * Who may import whom: a file imports from lower ranks and from its own folder only. The longest path that a file starts
 * with counts.
 */
export const RANKS: ReadonlyMap<string, number> = new Map([
  ["src/errors.ts", 0],
  ["src/version.ts", 0],
  ["src/util/", 1],
  ["src/oci/", 2],
  ["src/tar/", 2],
  ["src/dockerfile/", 2],
  ["src/compression/", 3],
  ["src/tree/", 3],
  ["src/http/", 3],
  ["src/events.ts", 3],
  ["src/cache/", 4],
  ["src/context/", 4],
  ["src/registry/", 4],
  ["src/executor/", 4],
  ["src/plan/", 5],
  ["src/shared-cache/", 5],
  ["src/layers/", 6],
  ["src/output/", 7],
  ["src/pipeline/", 8],
  ["src/images/", 9],
  ["src/surroundings.ts", 9],
  ["src/options.ts", 9],
  ["src/options-schema.ts", 10],
  ["src/prepare.ts", 10],
  ["src/open-images.ts", 10],
  ["src/plan-work.ts", 11],
  ["src/build.ts", 12],
  ["src/call.ts", 12],
  ["src/plan-report.ts", 12],
  ["src/context-report.ts", 12],
  ["src/image-definition.ts", 13],
  ["src/index.ts", 14],
  ["src/testing/", 15],
  ["src/cli/", 15],
]);

/** The folder or file of the rank table that `path` belongs to. */
export function unitOf(path: string): string | undefined {
  return [...RANKS.keys()].find((unit) => path === unit || (unit.endsWith("/") && path.startsWith(unit)));
}

/** Who may import which package or built-in module, and how. Packages that are not here may not be imported. */
interface PackageRule {
  readonly allowed: (path: string) => boolean;
  readonly where: string;
}

const inUnit =
  (...units: readonly string[]) =>
  (path: string): boolean =>
    units.includes(unitOf(path) ?? "");

const PACKAGES: ReadonlyMap<string, PackageRule> = new Map([
  ["tar-stream", { allowed: inUnit("src/tar/"), where: "src/tar/" }],
  ["fast-glob", { allowed: inUnit("src/context/"), where: "src/context/" }],
  ["minimatch", { allowed: inUnit("src/context/"), where: "src/context/" }],
  ["ignore", { allowed: inUnit("src/context/"), where: "src/context/" }],
  ["undici", { allowed: inUnit("src/http/"), where: "src/http/" }],
  [
    "smol-toml",
    { allowed: (path) => path === "src/registry/registries-conf.ts", where: "src/registry/registries-conf.ts" },
  ],
  ["commander", { allowed: inUnit("src/cli/"), where: "src/cli/" }],
  [
    "zod",
    {
      allowed: (path) =>
        path === "src/options-schema.ts" ||
        (path.endsWith("/schemas.ts") &&
          inUnit("src/oci/", "src/registry/", "src/cache/", "src/shared-cache/", "src/executor/")(path)),
      where:
        "schemas.ts of src/oci/, src/registry/, src/cache/, src/shared-cache/, src/executor/, and src/options-schema.ts",
    },
  ],
  [
    "node:child_process",
    {
      allowed: (path) =>
        path.startsWith("src/executor/") ||
        path === "src/registry/credential-helper.ts" ||
        path === "src/context/git/run-git.ts" ||
        path === "src/pipeline/source-date.ts",
      where:
        "src/executor/, src/registry/credential-helper.ts, src/context/git/run-git.ts and src/pipeline/source-date.ts",
    },
  ],
  ["node:http", { allowed: inUnit("src/testing/"), where: "src/testing/" }],
  ["node:https", { allowed: inUnit("src/testing/"), where: "src/testing/" }],
]);

/** What the outside world decides: only the edge may ask for it. */
const EDGE = /^src\/(cli\/.*|build\.ts|prepare\.ts|surroundings\.ts|options\.ts)$/;
const EDGE_ONLY: ReadonlySet<string> = new Set([
  "process.env",
  "process.argv",
  "process.exit",
  "process.cwd",
  "process.chdir",
  "process.umask",
  "Date.now",
  "new Date(0)",
  "Math.random",
  "os.homedir",
  "os.userInfo",
]);
/** The same, imported by name. */
const EDGE_ONLY_NAMES: ReadonlyMap<string, readonly string[]> = new Map([
  ["node:process", ["env", "argv", "exit", "cwd", "chdir", "umask"]],
  ["node:os", ["homedir", "userInfo"]],
]);

/** Longest source file, in lines. */
const MAX_LINES = 400;

/** Imports from equal or higher ranks, and files outside of the rank table. */
export function rankViolations(sources: Sources): string[] {
  const wrong: string[] = [];
  for (const file of sources.values()) {
    const unit = unitOf(file.path);
    if (unit === undefined) {
      wrong.push(`${file.path} is in no folder of the rank table`);
      continue;
    }
    for (const { specifier, line } of file.imports) {
      const target = resolveImport(file.path, specifier);
      if (target === undefined) continue;
      const targetUnit = unitOf(target);
      if (targetUnit === unit) continue;
      const [own, other] = [RANKS.get(unit)!, targetUnit === undefined ? Number.NaN : RANKS.get(targetUnit)!];
      if (own > other) continue;
      const chain = chainTo(sources, file.path);
      wrong.push(`${chain} → ${target} (${file.path}:${line}: rank ${own} may not import rank ${other})`);
    }
  }
  return wrong;
}

/** Relative imports of files that are not there, and computed ones. */
export function danglingImports(sources: Sources): string[] {
  return [...sources.values()].flatMap((file) =>
    file.imports.flatMap(({ specifier, line }) => {
      const target = resolveImport(file.path, specifier);
      const exists = target === undefined ? specifier !== "(computed)" : sources.has(target);
      return exists ? [] : [`${file.path}:${line} imports "${specifier}", which is no source file`];
    }),
  );
}

/** Import cycles, each as the chain of its files. `import type` counts, `import()` too. */
export function cycles(sources: Sources): string[] {
  const done = new Set<string>();
  const found: string[] = [];
  const visit = (path: string, trail: readonly string[]): void => {
    const at = trail.indexOf(path);
    if (at !== -1) found.push([...trail.slice(at), path].join(" → "));
    if (at !== -1 || done.has(path)) return;
    for (const next of importsOf(sources, path)) visit(next, [...trail, path]);
    done.add(path);
  };
  for (const path of sources.keys()) visit(path, []);
  return found;
}

/** Packages and built-in modules in places where they do not belong. */
export function packageViolations(sources: Sources): string[] {
  const wrong: string[] = [];
  for (const file of sources.values()) {
    for (const { specifier, line } of file.imports) {
      if (specifier.startsWith(".") || specifier === "(computed)") continue;
      const name = packageOf(specifier);
      const rule = PACKAGES.get(name);
      if (rule === undefined && name.startsWith("node:")) continue;
      if (rule?.allowed(file.path) === true) continue;
      const hint = BUILT_IN.test(name)
        ? `write "node:${name}"`
        : rule === undefined
          ? "it is not in the table of packages"
          : `only ${rule.where} may`;
      wrong.push(`${file.path}:${line} imports "${specifier}": ${hint}`);
    }
  }
  return wrong;
}

/** Uses of the clock, the environment, randomness and the like below the edge. */
export function edgeViolations(sources: Sources): string[] {
  const wrong: string[] = [];
  for (const file of sources.values()) {
    if (EDGE.test(file.path)) continue;
    for (const { name, line } of file.accesses) {
      if (EDGE_ONLY.has(name)) wrong.push(`${file.path}:${line} uses ${name}`);
    }
    for (const { specifier, names, line } of file.imports) {
      const taken = names.filter((name) => EDGE_ONLY_NAMES.get(specifier)?.includes(name));
      if (taken.length > 0) wrong.push(`${file.path}:${line} imports ${taken.join(", ")} from "${specifier}"`);
    }
  }
  return wrong;
}

/**
 * Modules of `packages` that are loaded as soon as `entry` is, with the chain of static imports that does it. Only
 * `import()` keeps a module from being loaded.
 */
export function loadedAtStart(sources: Sources, entry: string, packages: readonly string[]): string[] {
  const wrong: string[] = [];
  const seen = new Set<string>();
  const visit = (path: string, trail: readonly string[]): void => {
    if (seen.has(path)) return;
    seen.add(path);
    for (const { specifier, dynamic, typeOnly } of sources.get(path)?.imports ?? []) {
      if (dynamic || typeOnly) continue;
      const target = resolveImport(path, specifier);
      if (target !== undefined) visit(target, [...trail, path]);
      else if (packages.includes(packageOf(specifier))) wrong.push([...trail, path, specifier].join(" → "));
    }
  };
  visit(entry, []);
  return wrong;
}

export function tooLong(sources: Sources): string[] {
  return [...sources.values()].flatMap(({ path, lineCount }) =>
    lineCount > MAX_LINES ? [`${path} has ${lineCount} lines, expected at most ${MAX_LINES}`] : [],
  );
}

const BUILT_IN =
  /^(assert|buffer|child_process|crypto|events|fs|http|https|net|os|path|process|stream|tls|url|util|zlib)$/;

/** `zod/mini` → `zod`, `node:fs/promises` → `node:fs`, `@a/b/c` → `@a/b`. */
function packageOf(specifier: string): string {
  return specifier
    .split("/")
    .slice(0, specifier.startsWith("@") ? 2 : 1)
    .join("/");
}

function importsOf(sources: Sources, path: string): string[] {
  const targets = (sources.get(path)?.imports ?? []).map(({ specifier }) => resolveImport(path, specifier));
  return targets.filter((target) => target !== undefined && sources.has(target)) as string[];
}

/** The shortest chain of imports from a file that nobody imports to `path`: how the program comes to it. */
function chainTo(sources: Sources, path: string): string {
  const importers = new Map<string, string[]>();
  for (const from of sources.keys()) {
    for (const to of importsOf(sources, from)) importers.set(to, [...(importers.get(to) ?? []), from]);
  }
  const queue: string[][] = [[path]];
  const seen = new Set([path]);
  for (const chain of queue) {
    const before = (importers.get(chain[0]!) ?? []).filter((from) => !seen.has(from));
    if (before.length === 0) return chain.join(" → ");
    for (const from of before) {
      seen.add(from);
      queue.push([from, ...chain]);
    }
  }
  return path;
}
