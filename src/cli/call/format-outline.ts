/** The answer of `--call outline`, as docker buildx prints it. */
import type { OutlineResult } from "../../call.js";
import { formatTable } from "./format-table.js";
import { jsonData, jsonLocation } from "./json-location.js";

type Mounts = OutlineResult["secrets"];

/** A table for each kind of thing that the target asks for; nothing when it asks for nothing. */
export function formatOutline({ name, description, args, secrets, ssh }: OutlineResult): string {
  const tables: string[] = [];
  if (name !== undefined || description !== undefined) {
    const rows = [["TARGET:", name ?? "(default)"]];
    if (description !== undefined) rows.push(["DESCRIPTION:", description]);
    tables.push(formatTable(rows, 1));
  }
  if (args.length > 0) {
    const rows = args.map((arg) => [arg.name, arg.value, arg.description ?? ""]);
    tables.push(formatTable([["BUILD ARG", "VALUE", "DESCRIPTION"], ...rows], 3));
  }
  for (const [title, mounts] of [
    ["SECRET", secrets],
    ["SSH", ssh],
  ] as const) {
    if (mounts.length === 0) continue;
    const rows = mounts.map((mount) => [mount.name, mount.required ? "true" : ""]);
    tables.push(formatTable([[title, "REQUIRED"], ...rows], 3));
  }
  return tables.map((table) => `${table}\n`).join("");
}

/** The answer with the keys of BuildKit's; what is empty is left out. */
export function outlineJson({ name, description, args, secrets, ssh, source }: OutlineResult): object {
  return {
    name,
    description,
    ...list(
      "args",
      args.map((arg) => ({
        name: arg.name,
        description: arg.description,
        value: arg.value === "" ? undefined : arg.value,
        location: jsonLocation(arg.lines),
      })),
    ),
    ...list("secrets", mountsJson(secrets)),
    ...list("ssh", mountsJson(ssh)),
    sources: [jsonData(source)],
  };
}

function mountsJson(mounts: Mounts): object[] {
  return mounts.map(({ name, required, lines }) => ({
    name,
    ...(required ? { required } : {}),
    location: jsonLocation(lines),
  }));
}

function list(key: string, items: readonly object[]): object {
  return items.length === 0 ? {} : { [key]: items };
}
