/** The error for replies that break HTTP, or the protocol above it. */
import { OcibuildError } from "../errors.js";
import { redactUrl } from "./address.js";

/** The error for a reply that breaks the protocol; repeating the request would not help. */
export function protocolFailure(method: string, url: URL, why: string, hint?: string): OcibuildError {
  const shown = redactUrl(url);
  return new OcibuildError("REGISTRY_PROTOCOL", `${method} ${shown} was answered wrongly: ${why}`, {
    details: { method, url: shown },
    ...(hint === undefined ? {} : { hint }),
  });
}
