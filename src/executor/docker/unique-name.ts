import { randomBytes } from "node:crypto";

/** A name that nobody else has, for something in an engine. */
export function uniqueName(what: string): string {
  return `ocibuild-${what}-${randomBytes(12).toString("hex")}`;
}
