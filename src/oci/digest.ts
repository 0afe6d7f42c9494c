/** Digests as branded strings, so that a diffID is never used where a blob digest is meant. @spec descriptor.md#digests */
import { createHash } from "node:crypto";
import { OcibuildError } from "../errors.js";

declare const brand: unique symbol;
type Branded<Name extends string> = `sha256:${string}` & { readonly [brand]: Name };

/** Digest of a blob as stored and transferred (compressed layers, manifests, configs): `sha256:` and 64 lower-case hex digits. */
export type Digest = Branded<"Digest">;
/** Digest of a layer's uncompressed tar. @spec config.md#layer-diffid */
export type DiffId = Branded<"DiffId">;
/** Digest of a stack of layers. @spec config.md#layer-chainid */
export type ChainId = Branded<"ChainId">;

const SHA256 = /^sha256:[0-9a-f]{64}$/;

/** True for `sha256:` and 64 lower-case hex digits, nothing else. */
export function isDigest(text: string): text is Digest {
  return SHA256.test(text);
}

/** @throws DIGEST_INVALID */
export function parseDigest(text: string): Digest {
  if (isDigest(text)) return text;
  const shown = text.length > 100 ? `${text.slice(0, 100)}…` : text;
  throw new OcibuildError(
    "DIGEST_INVALID",
    `digest ${JSON.stringify(shown)} is not "sha256:" and 64 lower-case hex digits`,
    {
      details: { digest: shown },
    },
  );
}

/** @throws DIGEST_INVALID */
export function parseDiffId(text: string): DiffId {
  return parseDigest(text) as string as DiffId;
}

/** The digest of `bytes`. */
export function digestOf(bytes: Uint8Array | string): Digest {
  return `sha256:${createHash("sha256").update(bytes).digest("hex")}` as Digest;
}

/** The 64 hex digits, safe as a file name because the type admits nothing else. */
export function hexOf(digest: Digest | DiffId | ChainId): string {
  return digest.slice("sha256:".length);
}

/** Takes 64 lower-case hex digits, or the raw 32 bytes, that were computed by ourselves. */
export function digestFromHash<D extends Digest | DiffId | ChainId = Digest>(hash: Buffer | string): D {
  return `sha256:${typeof hash === "string" ? hash : hash.toString("hex")}` as D;
}

/** ChainID of the stack `diffIds`, base layer first; `undefined` for no layers. @spec config.md#layer-chainid */
export function chainIdOf(diffIds: readonly DiffId[]): ChainId | undefined {
  let chain: string | undefined;
  for (const diffId of diffIds) chain = chain === undefined ? diffId : digestOf(`${chain} ${diffId}`);
  return chain as ChainId | undefined;
}
