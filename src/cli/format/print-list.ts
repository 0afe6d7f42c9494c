/** Lists of records under `--format`, as docker prints them: a table, JSON lines, or a template for each record. */
import { safeLine } from "../terminal-text.js";
import { alignColumns } from "./table.js";
import { parseTemplate } from "./template.js";

/** A record as templates see it: what each field is called in a table's head. */
export interface ListShape {
  /** Field → heading. All fields that a template may name. */
  readonly headers: Readonly<Record<string, string>>;
  /** The template of the table when nobody asks for another: fields separated by tabs. */
  readonly columns: string;
}

/** A record's fields; texts but for the odd number. */
export type ListRecord = Readonly<Record<string, string | number>>;

/** Several lines, or nothing; a table has its head also when it is empty. @throws OPTIONS_INVALID */
export function formatList(shape: ListShape, records: readonly ListRecord[], format: string | undefined): string {
  // A terminal is not to be told what to do by a name or a label.
  const harmless = records.map((record) => mapValues(record, (value) => safeLine(String(value))));
  if (format === "json") return records.map((record) => `${safeJson(sortKeys(record))}\n`).join("");
  const text = format === undefined || format === "" || format === "table" ? `table ${shape.columns}` : format;
  const isTable = text.startsWith("table");
  const body = unescapeSpaces(isTable ? text.slice("table".length).trimStart() : text);
  const template = parseTemplate(body, shape.headers);
  const lines = harmless.map((record) => template(record));
  if (!isTable) return lines.map((line) => `${line}\n`).join("");
  return alignColumns([template(shape.headers), ...lines]);
}

/** JSON of `value` in which whatever a terminal could obey is escaped: for programs it is the same. */
export function safeJson(value: unknown, indent?: number): string {
  return JSON.stringify(value, undefined, indent).replace(
    /[\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/g,
    (letter) => `\\u${letter.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}

/** Shells do not write tabs and line ends, so `\t` and `\n` stand for them. */
export function unescapeSpaces(format: string): string {
  return format.replaceAll("\\t", "\t").replaceAll("\\n", "\n");
}

function sortKeys(record: ListRecord): ListRecord {
  return Object.fromEntries(Object.entries(record).sort(([a], [b]) => (a < b ? -1 : 1)));
}

function mapValues(record: ListRecord, map: (value: string | number) => string): ListRecord {
  return Object.fromEntries(Object.entries(record).map(([key, value]) => [key, map(value)]));
}
