/** What the long tests build: two stages, one large file, many small ones, in `variants` that differ in one file. */
import { join } from "node:path";
import { openLayout } from "../../src/cache/oci-layout.js";
import { type BuildOptions, build, memory } from "../../src/index.js";
import { validateImage } from "../../src/testing/validate-image.js";
import { bytesFor } from "../support/registry.js";

export const DOCKERFILE = `FROM scratch AS one
COPY big /big
WORKDIR /w
FROM scratch AS two
COPY many /many/
FROM scratch
COPY --from=one / /one/
COPY --from=two /many /many/
COPY small /
`;

/** Options of a build whose image depends on nothing but `variant`. */
export function optionsOf(root: string, variant: number): BuildOptions {
  const many = Array.from({ length: 60 }, (_, at) => [`many/${at}`, `file ${at} ${variant % 3}`] as const);
  const files = {
    big: bytesFor(`big ${variant % 2}`, 1_500_000),
    small: `small ${variant}`,
    ...Object.fromEntries(many),
  };
  return { context: memory(files), dockerfile: DOCKERFILE, root, platforms: ["linux/amd64"], reproducible: true };
}

/** The digest of a variant, made in a store of its own. */
export async function expectedDigest(dir: string, variant: number): Promise<string> {
  const built = await build({ ...optionsOf(join(dir, `expected-${variant}`), variant), outputs: ["type=cacheonly"] });
  return built.digest;
}

/** Whether the layout folder holds a whole image of this digest. */
export async function isRight(layout: string, digest: string): Promise<boolean> {
  const { blobs, find } = await openLayout(layout);
  const descriptor = find(undefined);
  await validateImage(blobs, descriptor);
  return descriptor.digest === digest;
}
