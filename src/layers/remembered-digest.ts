/** Digests over files of given layers, which never change: remembered, so that an unchanged step reads no index. */
import type { StepKeyParts } from "../cache/key.js";
import { chainIdOf } from "../oci/digest.js";
import type { JsonValue } from "../util/canonical-json.js";
import type { SourceFiles } from "./copy/stage-files.js";
import { recipeParts } from "./lineage.js";
import type { RunContext } from "./run-context.js";

/** For whom a digest is: to look something up, or to write down what a step was made of. */
export type DigestUse = "look up" | "record";

/** Which files of the layers, for what. */
export interface DigestOf {
  readonly kind: "selection" | "mount";
  readonly projection: JsonValue;
}

/**
 * The digest over files of `layers`, from a record or from `make`. What a shared cache says is good enough to look
 * something up with; a record of our own is never made of it (K10).
 */
export async function rememberedDigest(
  run: RunContext,
  of: DigestOf,
  layers: SourceFiles & { readonly kind: "layers" },
  use: DigestUse,
  make: () => Promise<string>,
): Promise<string> {
  const { shared, store } = run;
  const named = { ...of, platform: "", inputs: [] };
  const parts: StepKeyParts = { ...named, parent: chainIdOf(layers.diffIds) ?? null };
  const recipe = recipeParts(named, layers.recipe, []);
  let digest = (store.steps.get(parts)?.result as { readonly digest?: string } | undefined)?.digest;
  if (digest === undefined && use === "look up" && layers.mayImport) {
    const { result } = (await shared?.find(recipe, run)) ?? {};
    if (result !== undefined && "digest" in result) digest = result.digest;
  }
  if (digest === undefined) {
    digest = await make();
    store.steps.put(parts, { digest });
  }
  shared?.use(recipe, { digest }, layers.isMade);
  return digest;
}
