/** Checks an example of a rule's page: what the page shows as printed is what is found. */
import { parseIgnoreFile } from "../../src/context/dockerignore.js";
import type { RuleName } from "../../src/dockerfile/lint/rules.js";
import { parseDockerfile } from "../../src/dockerfile/parse.js";
import { type DiffId, digestOf } from "../../src/oci/digest.js";
import type { Image } from "../../src/oci/types.js";
import { lintDockerfile } from "../../src/plan/lint-dockerfile.js";
import { linesOf } from "../../src/util/source-text.js";

export interface ExampleFinding {
  readonly rule: string;
  readonly line: number;
  readonly message: string;
}

/** The findings in `text` with `rule` on, in the order in which they are printed. */
export async function lintExample(
  text: string,
  rule: RuleName,
  ignoreFile?: string,
): Promise<{ readonly findings: readonly ExampleFinding[]; readonly canBuild: boolean }> {
  const dockerfile = parseDockerfile({ name: "Dockerfile", text });
  const { findings, error } = await lintDockerfile({
    dockerfile,
    buildPlatform: { os: "linux", architecture: "amd64" },
    buildArgs: new Map([["BUILDKIT_DOCKERFILE_CHECK", `experimental=${rule}`]]),
    namedContexts: new Map(),
    resolver: {
      resolve: async (reference, platform) => {
        const isFixed = reference.includes("amd64-only");
        return emptyImage(isFixed ? "amd64" : platform.architecture);
      },
    },
    ...(ignoreFile === undefined ? {} : { ignore: parseIgnoreFile(Buffer.from(ignoreFile), ".dockerignore") }),
  });
  const sorted = findings
    .map(({ code, message, span }) => ({ rule: code, line: linesOf(dockerfile.source, span).first, message }))
    .sort((a, b) => a.line - b.line);
  return { findings: sorted, canBuild: error === undefined };
}

/** An image of which only the platform matters. */
function emptyImage(architecture: string): Image {
  const layer = digestOf("layer") as string as DiffId;
  const config: Image["config"] = { os: "linux", architecture, rootfs: { type: "layers", diff_ids: [layer] } };
  const descriptor = { mediaType: "application/vnd.oci.image.manifest.v1+json", digest: digestOf("image"), size: 5 };
  return {
    descriptor,
    manifest: { schemaVersion: 2, config: descriptor, layers: [] },
    manifestBytes: Buffer.from("image"),
    config,
    configBytes: Buffer.from("{}"),
    layers: [],
  };
}
