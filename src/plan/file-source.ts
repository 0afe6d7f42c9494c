/** What a step's files are taken from, and how stages are named. */
import type { Image } from "../oci/types.js";
import type { JsonObject } from "../util/canonical-json.js";

/**
 * `<index>@<platform>`, for example `0@linux/amd64`; unique in a plan. A stage that is pinned to another platform than
 * the target's and differs from target to target says for which it is: `0@linux/amd64->linux/arm64`.
 */
export type StageId = string;

export type FileSource =
  | { readonly kind: "context" }
  /** A named context that holds files (a folder, an archive, a repository); the caller of the plan knows it by name. */
  | { readonly kind: "named-context"; readonly name: string }
  | { readonly kind: "scratch" }
  | { readonly kind: "stage"; readonly stage: StageId }
  | {
      readonly kind: "image";
      /** As written, or what the named context in its place says. */
      readonly reference: string;
      readonly image: Image;
    };

/** Cache projection of a source: its content enters the key as an input digest, whatever it is called. */
export function projectFileSource(source: FileSource): JsonObject {
  return { kind: source.kind };
}
