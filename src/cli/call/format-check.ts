/** The answer of `--check`, as docker buildx prints it. */
import type { CheckResult } from "../../call.js";
import type { LineRange } from "../../util/source-text.js";
import { safeLine, safeText, truncated } from "../terminal-text.js";
import { jsonData, jsonLocation } from "./json-location.js";

/** Several lines: how many findings there are, then each with its place, in the order of the Dockerfile. */
export function formatCheck({ findings, error, source }: CheckResult): string {
  if (findings.length === 0) return error === undefined ? "Check complete, no warnings found.\n" : "";
  const count = findings.length === 1 ? "1 warning has been found!" : `${findings.length} warnings have been found!`;
  const sorted = findings.toSorted((a, b) => a.lines.first - b.lines.first);
  const text = source.text.split("\n");
  const parts = sorted.map(({ rule, url, message, lines }) => {
    const link = url === undefined ? "" : ` - ${url}`;
    return `\nWARNING: ${rule}${link}\n${safeLine(message)}\n${excerpt(source.name, text, lines)}`;
  });
  return [`Check complete, ${count}\n`, ...parts].join("");
}

/** The answer with the keys of BuildKit's. */
export function checkJson({ findings, error, source }: CheckResult): object {
  const line = error?.location?.line;
  return {
    warnings: findings.map(({ rule, description, url, message, lines }) => ({
      ruleName: rule,
      description,
      url,
      detail: message,
      location: jsonLocation(lines),
    })),
    sources: [{ filename: source.name, data: jsonData(source), language: "Dockerfile" }],
    ...(error === undefined
      ? {}
      : {
          buildError: {
            message: error.message,
            location: line === undefined ? {} : jsonLocation({ first: line, last: line }),
          },
        }),
  };
}

/** Lines around a finding that has but one line of its own, and around a longer one. */
const AROUND_ONE = 4;
const AROUND_MORE = 2;
/** More lines of one finding are not shown. */
const MAX_LINES = 100;
const MAX_COLUMNS = 400;

const RULE = "-".repeat(20);

function excerpt(name: string, lines: readonly string[], { first, last }: LineRange): string {
  let start = first;
  let end = Math.min(last, lines.length);
  const around = end === start ? AROUND_ONE : AROUND_MORE;
  for (let added = 0; added < around; added++) {
    if (start > 1) {
      start--;
      added++;
    }
    if (end < lines.length) {
      end++;
      added++;
    }
  }
  const shown = Math.min(end, start + MAX_LINES - 1);
  const rows: string[] = [];
  for (let number = start; number <= shown; number++) {
    const mark = number >= first && number <= last ? ">>>" : "   ";
    const line = truncated(safeText(lines[number - 1]!), MAX_COLUMNS);
    rows.push(` ${String(number).padStart(3)} | ${mark} ${line}\n`);
  }
  if (shown < end) rows.push(`   … | ${end - shown} more lines\n`);
  return `${safeLine(name)}:${first}\n${RULE}\n${rows.join("")}${RULE}\n`;
}
