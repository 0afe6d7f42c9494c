/** What the sources import and touch, read from their syntax trees (types included). */
import { readdirSync, readFileSync } from "node:fs";
import { dirname, join, normalize } from "node:path";
import { parseAst } from "rolldown/parseAst";

export interface Import {
  /** As written: `../errors.js`, `node:fs`, `zod/mini`. */
  readonly specifier: string;
  readonly line: number;
  /** `import(…)` at run time: loaded only where it is reached. */
  readonly dynamic: boolean;
  /** `import type`, `export type`, or `import("…")` in a type: gone at run time. */
  readonly typeOnly: boolean;
  /** Names taken by a static import; empty for others. */
  readonly names: readonly string[];
}

export interface SourceFile {
  /** Relative, with slashes: `src/cache/store.ts`. */
  readonly path: string;
  readonly lineCount: number;
  readonly imports: readonly Import[];
  /** `object.member` accesses of plain identifiers (`process.env`, `Date.now`), and the names of called functions. */
  readonly accesses: readonly { readonly name: string; readonly line: number }[];
}

interface Node {
  readonly type: string;
  readonly start: number;
  readonly [member: string]: unknown;
}

/** All `.ts` files below the folder `root`, by path. */
export function readSources(root: string): ReadonlyMap<string, SourceFile> {
  const sources = new Map<string, SourceFile>();
  for (const entry of readdirSync(root, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile() || !entry.name.endsWith(".ts")) continue;
    const path = join(entry.parentPath, entry.name).replaceAll("\\", "/");
    sources.set(path, readSource(path, readFileSync(path, "utf8")));
  }
  return sources;
}

/** Reads one file, whose text is given. */
export function readSource(path: string, text: string): SourceFile {
  const imports: Import[] = [];
  const accesses: { name: string; line: number }[] = [];
  const lineOf = (node: Node): number => text.slice(0, node.start).split("\n").length;
  visit(parseAst(text, { lang: "ts" }, path), (node) => {
    const found = importOf(node);
    if (found !== undefined) imports.push({ ...found, line: lineOf(node) });
    const name = accessOf(node);
    if (name !== undefined) accesses.push({ name, line: lineOf(node) });
  });
  return { path, lineCount: text.split("\n").length - (text.endsWith("\n") ? 1 : 0), imports, accesses };
}

/** The file that a relative specifier means, as a path like those of `readSources`; `undefined` for packages. */
export function resolveImport(from: string, specifier: string): string | undefined {
  if (!specifier.startsWith(".")) return undefined;
  return normalize(join(dirname(from), specifier))
    .replaceAll("\\", "/")
    .replace(/\.js$/, ".ts");
}

function importOf(node: Node): Omit<Import, "line"> | undefined {
  const specifier = literalOf(node.source);
  switch (node.type) {
    case "ImportDeclaration": {
      const specifiers = (node.specifiers as readonly Node[] | undefined) ?? [];
      const names = specifiers.map(
        (item) => nameOf(item.imported) ?? (item.type === "ImportDefaultSpecifier" ? "default" : "*"),
      );
      const typeOnly =
        node.importKind === "type" || (specifiers.length > 0 && specifiers.every((item) => item.importKind === "type"));
      return { specifier: specifier!, dynamic: false, typeOnly, names };
    }
    case "ExportNamedDeclaration":
    case "ExportAllDeclaration":
      if (specifier === undefined) return undefined;
      return { specifier, dynamic: false, typeOnly: node.exportKind === "type", names: [] };
    case "ImportExpression":
      // An import that is computed cannot be checked, so it is reported under a name that no rule allows.
      return { specifier: specifier ?? "(computed)", dynamic: true, typeOnly: false, names: [] };
    case "TSImportType":
      return {
        specifier: specifier ?? literalOf(node.argument) ?? "(computed)",
        dynamic: false,
        typeOnly: true,
        names: [],
      };
    default:
      return undefined;
  }
}

function accessOf(node: Node): string | undefined {
  if (node.type === "MemberExpression") {
    const object = nameOf(node.object);
    const member = node.computed === true ? literalOf(node.property) : nameOf(node.property);
    return object === undefined || member === undefined ? undefined : `${object}.${member}`;
  }
  if (node.type === "NewExpression") {
    const callee = nameOf(node.callee);
    return callee === undefined ? undefined : `new ${callee}(${(node.arguments as unknown[]).length})`;
  }
  return undefined;
}

function nameOf(value: unknown): string | undefined {
  return isNode(value) && value.type === "Identifier" ? (value.name as string) : undefined;
}

function literalOf(value: unknown): string | undefined {
  if (!isNode(value)) return undefined;
  if (value.type === "TSLiteralType") return literalOf(value.literal);
  return value.type === "Literal" && typeof value.value === "string" ? value.value : undefined;
}

function isNode(value: unknown): value is Node {
  return typeof value === "object" && value !== null && typeof (value as Node).type === "string";
}

function visit(value: unknown, see: (node: Node) => void): void {
  if (Array.isArray(value)) for (const item of value) visit(item, see);
  else if (isNode(value)) {
    see(value);
    for (const member of Object.values(value)) if (typeof member === "object") visit(member, see);
  }
}
