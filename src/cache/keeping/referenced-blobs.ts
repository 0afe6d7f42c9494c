/** Which blobs the images of a store consist of. */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { isOcibuildError } from "../../errors.js";
import { hexOf } from "../../oci/digest.js";
import { LAYOUT_INDEX_FILE } from "../../oci/layout.js";
import { MAX_DOCUMENT_BYTES } from "../../util/strict-json.js";
import { descriptorOf, parseIndexDocument } from "../index-document.js";
import { readSmallFile } from "../sealed-file.js";

const INDEX_LIMIT_BYTES = 64 * 1024 * 1024;

/**
 * Names of blob files (64 hex digits) that what `index.json` lists refers to, itself included; `undefined` when the list
 * cannot be read: then any blob may be one.
 */
export function referencedBlobs(images: string): ReadonlySet<string> | undefined {
  const found = new Set<string>();
  const visit = (entry: unknown): void => {
    const descriptor = descriptorOf(entry);
    if (descriptor === undefined || found.has(hexOf(descriptor.digest))) return;
    found.add(hexOf(descriptor.digest));
    if (!/manifest|index/.test(descriptor.mediaType) || descriptor.size > MAX_DOCUMENT_BYTES) return;
    const document = readJson(join(images, "blobs", "sha256", hexOf(descriptor.digest)));
    visit(document?.["config"]);
    for (const list of [document?.["layers"], document?.["manifests"]]) if (Array.isArray(list)) list.forEach(visit);
  };
  const path = join(images, LAYOUT_INDEX_FILE);
  const bytes = readSmallFile(path, INDEX_LIMIT_BYTES);
  if (bytes === undefined) return existsSync(path) ? undefined : found;
  try {
    parseIndexDocument(bytes, LAYOUT_INDEX_FILE).entries.forEach(visit);
  } catch (error) {
    if (!isOcibuildError(error, "DOCUMENT_INVALID")) throw error;
    return undefined;
  }
  return found;
}

function readJson(path: string): Record<string, unknown> | undefined {
  const bytes = readSmallFile(path, MAX_DOCUMENT_BYTES);
  try {
    const value: unknown = bytes === undefined ? undefined : JSON.parse(bytes.toString("utf8"));
    return typeof value === "object" && value !== null ? (value as Record<string, unknown>) : undefined;
  } catch {
    return undefined;
  }
}
