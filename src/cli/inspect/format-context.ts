/** What a build context holds, for people. */
import type { ContextReport, PathReport } from "../../context-report.js";
import { formatTable } from "../call/format-table.js";
import { formatBytes } from "../human-units.js";
import { safeLine } from "../terminal-text.js";

export interface ContextStyle {
  /** Folders deeper than this count as a part of the one above. */
  readonly depth: number;
  /** Every file and everything that is left out, instead of the largest. */
  readonly all: boolean;
}

/** Rows of a table that is not shown as a whole. */
const MOST_ROWS = 20;

interface Sized {
  readonly path: string;
  readonly fileCount: number;
  readonly sizeBytes: number;
}

/** Several lines with a newline at the end. */
export function formatContext(report: ContextReport, { depth, all }: ContextStyle): string {
  const { kept, leftOut, rules, unreadable, ignoreFile } = report;
  const files = kept.map((file) => ({ ...file, fileCount: 1 }));
  const shown = all ? files : folded(files, depth);
  const parts = [`In the build context: ${amount(files)}\n`, sizeTable(shown, all)];
  const where = ignoreFile === undefined ? " (there is no ignore file)" : ` by ${safeLine(ignoreFile)}`;
  parts.push(`\nLeft out${where}: ${amount(leftOut)}\n`);
  if (all) {
    const rows = bySize(leftOut).map((entry) => [...sizeCells(entry), entry.path, ruleText(report, entry.rule)]);
    if (rows.length > 0) parts.push(indented([["SIZE", "FILES", "PATH", "RULE"], ...rows]));
  }
  if (rules.length > 0) {
    const rows = rules.map(({ rule, ...total }) => {
      const note = total.fileCount > 0 ? (rule.text.startsWith("!") ? " (keeps)" : "") : " (decides about nothing)";
      return [...sizeCells({ path: "", ...total }), `${ruleText(report, rule)}${note}`];
    });
    parts.push(indented([["SIZE", "FILES", "RULE"], ...rows]));
  }
  if (unreadable.length > 0) {
    const names = unreadable.slice(0, MOST_ROWS).map((path) => `  ${safeLine(path)}\n`);
    parts.push(`\nCannot be read: ${unreadable.length}\n`, ...names);
  }
  return parts.join("");
}

/** One line for each path. */
export function formatPaths(paths: readonly PathReport[]): string {
  return paths.map((report) => `${safeLine(`${report.path || "."}: ${decisionText(report)}`)}\n`).join("");
}

function decisionText({ exists, isKept, rule }: PathReport): string {
  const there = exists ? "" : "not there; would be ";
  const by = rule === undefined ? undefined : `${rule.file}:${rule.line} ${JSON.stringify(rule.text)}`;
  if (isKept)
    return by === undefined ? `${there}in the build context (default: no rule matches it)` : `${there}kept by ${by}`;
  return by === undefined ? `${there}left out` : `${there}left out by ${by}`;
}

function ruleText(
  { ignoreFile = "" }: ContextReport,
  rule: { readonly text: string; readonly line: number } | undefined,
): string {
  return rule === undefined ? "" : `${ignoreFile}:${rule.line} ${rule.text}`;
}

function sizeTable(entries: readonly Sized[], all: boolean): string {
  if (entries.length === 0) return "";
  const sorted = bySize(entries);
  const shown = all ? sorted : sorted.slice(0, MOST_ROWS);
  const rest = sorted.slice(shown.length);
  const rows = shown.map((entry) => [...sizeCells(entry), entry.path]);
  if (rest.length > 0) rows.push([...sizeCells(sum(rest)), `… and ${rest.length} more`]);
  return indented([["SIZE", "FILES", "PATH"], ...rows]);
}

/** Files by the folder that they are in, at most `depth` names deep. */
function folded(files: readonly Sized[], depth: number): Sized[] {
  const found = new Map<string, { path: string; fileCount: number; sizeBytes: number }>();
  for (const { path, fileCount, sizeBytes } of files) {
    const names = path.split("/");
    const top = names.length > depth ? `${names.slice(0, depth).join("/")}/` : path;
    const known = found.get(top) ?? { path: top, fileCount: 0, sizeBytes: 0 };
    known.fileCount += fileCount;
    known.sizeBytes += sizeBytes;
    found.set(top, known);
  }
  return [...found.values()];
}

function bySize<E extends Sized>(entries: readonly E[]): E[] {
  return entries.toSorted((a, b) => b.sizeBytes - a.sizeBytes || (a.path < b.path ? -1 : 1));
}

function amount(entries: readonly Sized[]): string {
  const { fileCount, sizeBytes } = sum(entries);
  return `${fileCount} ${fileCount === 1 ? "file" : "files"}, ${formatBytes(sizeBytes)}`;
}

function sum(entries: readonly Sized[]): Sized {
  let [fileCount, sizeBytes] = [0, 0];
  for (const entry of entries) {
    fileCount += entry.fileCount;
    sizeBytes += entry.sizeBytes;
  }
  return { path: "", fileCount, sizeBytes };
}

function sizeCells({ sizeBytes, fileCount }: Sized): [string, string] {
  return [formatBytes(sizeBytes), String(fileCount)];
}

function indented(rows: readonly (readonly string[])[]): string {
  return formatTable(rows, 2).replace(/^(?=.)/gm, "  ");
}
