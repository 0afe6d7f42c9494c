/**
 * Where a cache of GitHub Actions lies, and who asks for it: attributes and the variables of a job put together as BuildKit
 * does it, so that the same options reach the same service.
 */
import { createHash } from "node:crypto";
import { OcibuildError } from "../errors.js";
import { isLoopback } from "../http/address.js";
import { isPrivateAddress } from "../http/private-address.js";
import type { Digest } from "../oci/digest.js";
import type { GhaSpec } from "./cache-spec.js";
import { cacheScopes } from "./gha-token.js";

type Variables = Readonly<Record<string, string | undefined>>;

export interface GhaPlace {
  /** As progress and messages show it. */
  readonly title: string;
  /** Of the service's protocol. */
  readonly version: 1 | 2;
  /** Of the service; ends with no slash. */
  readonly url: URL;
  readonly token: string;
  /** What the names of all indexes of a branch that may be read begin with, the job's own branch first; a number follows. */
  readonly indexes: readonly string[];
  /** The one that may be written. */
  readonly ownIndex: string | undefined;
}

/** Namespace of BuildKit's entries: what it and we call a layer is one entry. */
export const ENTRY_VERSION: string = createHash("sha256").update("|go-actionscache-1.0").digest("hex");

/** Names of entries have at most 512 characters. */
const MAX_SCOPE = 400;
const MAX_TOKEN = 64 * 1024;
/** Where GitHub itself runs the second version. */
const SECOND_VERSION_HOST = "results-receiver.actions.githubusercontent.com";
const HINT =
  "GitHub shows these variables to actions, not to run: steps: put the step `uses: crazy-max/ghaction-github-runtime@v4` before.";

/** The name of a layer's entry, which is BuildKit's. */
export function layerName(digest: Digest): string {
  return `buildkit-blob-1-${digest}`;
}

/** The name of the entry that holds a document too large for the index. */
export function documentName(digest: Digest): string {
  return `ocibuild-entry-1-${digest}`;
}

/** Fills in what `spec` leaves to the environment. */
export function withGhaEnvironment<T extends GhaSpec>(spec: T, env: Variables): T {
  const results = env["ACTIONS_RESULTS_URL"] || undefined;
  const url = spec.url ?? (env["ACTIONS_CACHE_URL"] || results);
  const isSecond = spec.version === 2 || (spec.version === undefined && isTrue(env["ACTIONS_CACHE_SERVICE_V2"]));
  // Unlike BuildKit's: who writes a URL means it, whatever the job's variables say.
  const urlV2 = spec.urlV2 ?? (isSecond && spec.url === undefined ? results : undefined);
  const token = spec.token ?? (env["ACTIONS_RUNTIME_TOKEN"] || undefined);
  return {
    ...spec,
    ...(url === undefined ? {} : { url }),
    ...(urlV2 === undefined ? {} : { urlV2 }),
    ...(token === undefined ? {} : { token }),
  };
}

/** As Go reads it, which BuildKit is written in. */
function isTrue(value: string | undefined): boolean {
  return value !== undefined && /^(1|t|T|TRUE|true|True)$/.test(value);
}

/** @throws OPTIONS_INVALID, REGISTRY_INSECURE */
export function ghaPlace(spec: GhaSpec): GhaPlace {
  const { scope = "buildkit", token } = spec;
  if (scope.length > MAX_SCOPE || /[^\x20-\x7e]|,/.test(scope)) {
    throw invalid("scope", `expected scope to be at most ${MAX_SCOPE} printable characters without commas`);
  }
  const isSecond = spec.version !== 1 && spec.urlV2 !== undefined;
  const text = isSecond ? spec.urlV2 : spec.url;
  if (text === undefined) {
    const names = "ACTIONS_RESULTS_URL or ACTIONS_CACHE_URL";
    throw invalid("url", `expected url=… or one of the variables ${names} but got none`, HINT);
  }
  if (token === undefined) {
    throw invalid("token", "expected token=… or the variable ACTIONS_RUNTIME_TOKEN but got neither", HINT);
  }
  if (token.length > MAX_TOKEN || !/^[\x21-\x7e]+$/.test(token)) {
    throw invalid("token", "expected token to be printable characters without spaces");
  }
  const url = serviceUrl(text, isSecond ? "url_v2" : "url");
  const { readable, writable } = cacheScopes(token);
  const indexOf = (branch: string): string => {
    const branchDigits = createHash("sha256").update(`${scope}\0${branch}`).digest("hex").slice(0, 16);
    return `ocibuild-index-1-${scope}-${branchDigits}#`;
  };
  return {
    title: `gha "${scope}"`,
    version: spec.version ?? (isSecond || url.hostname === SECOND_VERSION_HOST ? 2 : 1),
    url,
    token,
    indexes: readable.map(indexOf),
    ownIndex: writable === undefined ? undefined : indexOf(writable),
  };
}

/** A URL that the token may be sent to. Values are not shown: what is wrong here may be a secret. */
function serviceUrl(text: string, word: string): URL {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined || !/^https?:$/.test(url.protocol) || url.hostname === "") {
    throw invalid(word, `expected ${word} to be a URL of http or https`);
  }
  if (url.username !== "" || url.password !== "" || url.search !== "" || url.hash !== "") {
    throw invalid(word, `expected ${word} to be a URL without user, query and fragment`);
  }
  const isNear = isLoopback(url) || isPrivateAddress(url.hostname.replace(/^\[|\]$/g, ""));
  if (url.protocol === "http:" && !isNear) {
    throw new OcibuildError(
      "REGISTRY_INSECURE",
      `cache of type=gha: the token of the job is not sent over plain HTTP to "${url.host}"`,
      { details: { host: url.host }, hint: "Give the service a certificate, or name it by its private address." },
    );
  }
  url.pathname = url.pathname.replace(/\/+$/, "");
  return url;
}

function invalid(word: string, reason: string, hint?: string): OcibuildError<"OPTIONS_INVALID"> {
  return new OcibuildError("OPTIONS_INVALID", `cache of type=gha: ${reason}`, {
    details: { option: word },
    ...(hint === undefined ? {} : { hint }),
  });
}
