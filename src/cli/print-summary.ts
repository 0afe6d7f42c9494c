/** What came out of a build, in a few lines. */
import type { Built } from "../build.js";
import { formatPlatform } from "../oci/platform.js";
import { familiarName, parseReference } from "../oci/reference.js";
import type { Image } from "../oci/types.js";
import type { ExportResult } from "../output/exporter.js";
import { formatBytes } from "./human-units.js";
import { safeLine } from "./terminal-text.js";

/** Several lines with a newline at the end: digests, layers with their sizes, where it was written, under which names. */
export function formatSummary(built: Built): string {
  const lines = ["", `Digest  ${built.digest}`];
  for (const image of built.images) lines.push(...imageLines(image, built.images.length > 1));
  lines.push(...built.outputs.map(outputLine));
  return lines.map((line) => `${line}\n`).join("");
}

function imageLines(image: Image, isOneOfSeveral: boolean): string[] {
  const sizes = image.layers.map(({ descriptor }) => formatBytes(descriptor.size));
  const total = formatBytes(image.layers.reduce((sum, { descriptor }) => sum + descriptor.size, 0));
  const count = `${image.layers.length} ${image.layers.length === 1 ? "layer" : "layers"}, ${total}`;
  const { platform } = image.descriptor;
  const name =
    isOneOfSeveral && platform !== undefined
      ? `${safeLine(formatPlatform(platform))} ${image.descriptor.digest}: `
      : "";
  const width = Math.max(0, ...sizes.map((size) => size.length));
  return [
    `Image   ${name}${count}`,
    ...image.layers.map(({ descriptor }, at) => `        ${descriptor.digest}  ${sizes[at]!.padStart(width)}`),
  ];
}

function outputLine({ path, names }: ExportResult): string {
  const shown = names.map((name) => safeLine(familiar(name))).join(", ");
  if (path !== undefined) return `Output  ${safeLine(path)}${shown === "" ? "" : ` (${shown})`}`;
  return `Output  ${shown === "" ? "the local store" : shown}`;
}

function familiar(name: string): string {
  try {
    return familiarName(parseReference(name));
  } catch {
    return name;
  }
}
