/** Errors of the HTTP layer are worded for registries: here they are about files and repositories. */
import { isOcibuildError, OcibuildError } from "../errors.js";
import { redactUrl } from "../http/address.js";

/** `error` as one of fetching `url`; other errors than those of HTTP as they are. */
export function asFetchFailure(error: unknown, url: URL): unknown {
  const shown = redactUrl(url);
  if (isOcibuildError(error, "REGISTRY_INSECURE")) {
    return new OcibuildError("CONTEXT_FETCH", error.message, {
      details: { url: shown },
      hint: "Use its https URL, or take the credentials out.",
      cause: error,
    });
  }
  if (isOcibuildError(error, "COMPRESSION_INVALID")) {
    return new OcibuildError("CONTEXT_FETCH", `"${shown}" came damaged: ${error.message}`, {
      details: { url: shown },
      cause: error,
    });
  }
  if (!isOcibuildError(error, "REGISTRY_REQUEST") && !isOcibuildError(error, "REGISTRY_PROTOCOL")) return error;
  const status = "status" in error.details ? error.details.status : undefined;
  const hint = error.hint?.includes("registry") === true ? undefined : error.hint;
  return new OcibuildError("CONTEXT_FETCH", error.message, {
    details: { url: shown, ...(status === undefined ? {} : { status }) },
    hint: hint ?? "Check the URL, and that it can be reached from here.",
    cause: error,
  });
}
