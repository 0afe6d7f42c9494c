/** Finished builds to report about: the images are real ones, nothing was written. */
import type { Built } from "../../../src/build.js";
import type { ExportResult } from "../../../src/output/exporter.js";
import { buildResult } from "../../support/images.js";

/** A build for `platforms`, with what its outputs wrote. */
export async function fakeBuilt(
  outputs: readonly Partial<Omit<ExportResult, "descriptor">>[] = [{}],
  platforms: readonly string[] = ["linux/amd64"],
): Promise<Built> {
  const { result } = await buildResult(platforms.map((platform) => ({ platform })));
  const { descriptor } = result.index ?? result.images[0]!;
  return {
    digest: descriptor.digest,
    descriptor,
    images: result.images,
    index: result.index,
    outputs: outputs.map((output) => ({ descriptor, names: [], warnings: [], ...output })),
    files: () => {
      throw new Error("a fake has no files");
    },
    readFile: () => {
      throw new Error("a fake has no files");
    },
  };
}
