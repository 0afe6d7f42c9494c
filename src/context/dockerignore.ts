/** Ignore files: `.dockerignore` and `<Dockerfile>.dockerignore`, read line by line as moby/patternmatcher does. */
import { OcibuildError } from "../errors.js";
import type { FileTree } from "../tree/file-tree.js";
import { compileIgnoreBytes, IgnoreMatcher, type IgnoreRule, trimSpace } from "../tree/ignore-matcher.js";
import { cleanPath } from "../tree/paths.js";
import { resolveInTree } from "../tree/resolve.js";
import { type ByteString, byteStringOf, bytesOf, textOf } from "../util/bytes.js";
import { readSmallFile } from "./read-small-file.js";

/** The name of the ignore file at the root of a context. */
export const DOCKERIGNORE = ".dockerignore";

/** Longer lines are refused, as BuildKit's scanner does. */
const MAX_LINE_BYTES = 64 * 1024;
const MAX_FILE_BYTES = 8 * 1024 * 1024;
const BOM = "\xef\xbb\xbf";

export interface IgnoreFile {
  /** As errors name it, for example `.dockerignore`. */
  readonly name: string;
  readonly matcher: IgnoreMatcher;
}

export interface IgnoreFileOptions {
  /** How errors name the file; its path without it. */
  readonly name?: string;
  /** Whether `\` separates folders in patterns, as it does for a client on Windows. */
  readonly isWindows?: boolean;
}

/**
 * Reads the ignore file `path` of `tree`, through links within the tree; `undefined` when there is no such file.
 * @throws CONTEXT_IGNORE_INVALID for a pattern that cannot be read; CONTEXT_UNREADABLE, CONTEXT_CHANGED
 */
export function readIgnoreFile(tree: FileTree, path: string, options: IgnoreFileOptions = {}): IgnoreFile | undefined {
  const resolved = resolveInTree(tree, bytesOf(path));
  const node = tree.lstat(resolved);
  if (node?.type !== "file") return undefined;
  const bytes = readSmallFile(tree, resolved, node, MAX_FILE_BYTES);
  const name = options.name ?? path;
  return { name, matcher: parseIgnoreFile(bytes, name, options) };
}

/**
 * The patterns in the `bytes` of an ignore file called `name`.
 * @throws CONTEXT_IGNORE_INVALID
 */
export function parseIgnoreFile(bytes: Buffer, name: string, options: IgnoreFileOptions = {}): IgnoreMatcher {
  const isWindows = options.isWindows ?? process.platform === "win32";
  const text = byteStringOf(bytes);
  const lines = (text.startsWith(BOM) ? text.slice(BOM.length) : text).split("\n") as ByteString[];
  const rules = lines.flatMap((line, index) => {
    const rule: IgnoreRule = { text: textOf(trimSpace(line)), line: index + 1 };
    if (line.length > MAX_LINE_BYTES) throw invalid(name, rule, `it is longer than ${MAX_LINE_BYTES} bytes`);
    const pattern = patternOfLine(line, isWindows);
    if (pattern === undefined) return [];
    try {
      return compileIgnoreBytes(pattern, rule) ?? [];
    } catch (error) {
      throw invalid(name, rule, (error as Error).message);
    }
  });
  return new IgnoreMatcher(rules);
}

/** The pattern that a line holds; `undefined` for comments and blank lines. */
function patternOfLine(line: ByteString, isWindows: boolean): ByteString | undefined {
  if (line.startsWith("#")) return undefined;
  const trimmed = trimSpace(line);
  if (trimmed === "") return undefined;
  const isException = trimmed.startsWith("!");
  let pattern = isException ? trimSpace(trimmed.slice(1) as ByteString) : trimmed;
  if (isWindows) pattern = pattern.replaceAll("\\", "/") as ByteString;
  if (pattern !== "") pattern = cleanPath(pattern);
  if (pattern.length > 1 && pattern.startsWith("/")) pattern = pattern.slice(1) as ByteString;
  return (isException ? `!${pattern}` : pattern) as ByteString;
}

function invalid(file: string, rule: IgnoreRule, why: string): OcibuildError<"CONTEXT_IGNORE_INVALID"> {
  return new OcibuildError("CONTEXT_IGNORE_INVALID", `${file} line ${rule.line} has no valid pattern: ${why}`, {
    details: { file, line: rule.line, pattern: rule.text.slice(0, 200) },
    hint: 'Put a "\\" before a character that is meant as itself.',
  });
}
