import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { parseModeChange } from "../../src/tree/chmod.js";

const table = JSON.parse(
  readFileSync(new URL("../fixtures/conformance/tables/chmod.json", import.meta.url), "utf8"),
) as { rows: Record<string, string>[] };

describe("parseModeChange", () => {
  it.each(table.rows.filter((row) => row.chmod !== ""))("agrees with BuildKit about $chmod", (row) => {
    const change = parseModeChange(row.chmod!);
    if (typeof change === "string") {
      expect(change).toBe(row.error);
      return;
    }
    const octal = (mode: number) => mode.toString(8).padStart(4, "0");
    expect(row.error).toBeUndefined();
    expect({
      exec: octal(change.apply(0o755, false)),
      file: octal(change.apply(0o644, false)),
      folder: octal(change.apply(0o750, true)),
      special: octal(change.apply(0o6754, false)),
    }).toEqual({ exec: row.exec, file: row.file, folder: row.folder, special: row.special });
  });
});
