/** `--iidfile` and `--metadata-file`: what other programs read about a build, under docker's keys. */
import { rm } from "node:fs/promises";
import { resolve } from "node:path";
import type { Built } from "../build.js";
import type { BuildRequest } from "./options/build-request.js";

/** What names an image for docker: the digest of its config, or of the index for several platforms. */
export function imageId(built: Built): string {
  const [image] = built.images;
  return built.index === undefined && image !== undefined ? image.manifest.config.digest : built.digest;
}

/** The object of `--metadata-file`. */
export function metadata(built: Built): Readonly<Record<string, unknown>> {
  const names = [...new Set(built.outputs.flatMap((output) => output.names))];
  const id = imageId(built);
  return {
    ...(id === built.digest ? {} : { "containerimage.config.digest": id }),
    "containerimage.descriptor": built.descriptor,
    "containerimage.digest": built.digest,
    ...(names.length === 0 ? {} : { "image.name": names.join(",") }),
  };
}

/** Removes the image ID of an earlier build, so that nobody takes it for that of a build that fails. */
export async function removeStaleFiles({ iidFile }: BuildRequest, cwd: string): Promise<void> {
  if (iidFile !== undefined) await rm(resolve(cwd, iidFile), { force: true });
}

/** @throws OUTPUT_INVALID, OUTPUT_FAILED */
export async function writeResultFiles(
  { iidFile, metadataFile }: BuildRequest,
  cwd: string,
  built: Built,
): Promise<void> {
  if (iidFile === undefined && metadataFile === undefined) return;
  const { writeTextFile } = await import("./write-text-file.js");
  if (iidFile !== undefined) await writeTextFile(resolve(cwd, iidFile), imageId(built));
  if (metadataFile === undefined) return;
  await writeTextFile(resolve(cwd, metadataFile), `${JSON.stringify(metadata(built), null, 2)}\n`);
}
