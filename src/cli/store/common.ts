/** What the commands about the store share. */
import { homedir } from "node:os";
import { join, resolve } from "node:path";
import type { Store } from "../../cache/store.js";
import type { Io } from "../io.js";
import { type TextDefinition, text } from "../options/define-options.js";

export const ROOT: TextDefinition = text({
  placeholder: "folder",
  help: "Folder of the store (default: $OCIBUILD_ROOT, else ocibuild in the user's data folder)",
});

/** Opens the store that a command is about. @throws STORE_UNUSABLE */
export async function openCommandStore(io: Io, root: string | undefined): Promise<Store> {
  const { openStore } = await import("../../cache/store.js");
  const given = root ?? (io.env["OCIBUILD_ROOT"] || undefined);
  const usual = join(io.env["XDG_DATA_HOME"] || join(io.env["HOME"] || homedir(), ".local", "share"), "ocibuild");
  const onWarning = (message: string): void => io.stderr.write(`WARNING: ${message}\n`);
  return openStore(resolve(io.cwd, given ?? usual), { onWarning });
}

/** Columns with two spaces between them, the last as wide as it is. */
export function formatColumns(rows: readonly (readonly string[])[]): string {
  const widths = rows.reduce<number[]>((most, row) => row.map((cell, at) => Math.max(most[at] ?? 0, cell.length)), []);
  const lines = rows.map((row) => row.map((cell, at) => cell.padEnd(widths[at]!)).join("  "));
  return lines.map((line) => `${line.trimEnd()}\n`).join("");
}
