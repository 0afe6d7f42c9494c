/** Errors of the client: what the registry itself said is always shown, secrets in URLs never. */
import { OcibuildError } from "../errors.js";
import { redactUrl } from "../http/address.js";
import type { HttpResponse } from "../http/messages.js";
import { parseRetryAfterMs } from "../http/retry.js";

/** Longest error body that is read, and longest part of it that is shown. */
const MAX_ERROR_BODY_BYTES = 64 * 1024;
const MAX_SHOWN = 400;

const RETRYABLE_STATUS: ReadonlySet<number> = new Set([408, 425, 429, 500, 502, 503, 504]);

export interface RegistrySays {
  /** For example `DENIED`, where the body is of the distribution specification's form. */
  readonly code?: string;
  readonly text: string;
}

/** The error for a reply whose status was not wanted; reads its body. */
export async function statusFailure(
  method: string,
  response: HttpResponse,
  signal?: AbortSignal,
): Promise<OcibuildError> {
  const { status } = response;
  const url = redactUrl(response.url);
  const says = await registrySays(response);
  signal?.throwIfAborted();
  const message = `${method} ${url} was answered with status ${status}${says.text === "" ? "" : `: ${says.text}`}`;
  if (status === 401 || status === 403) {
    return new OcibuildError("REGISTRY_UNAUTHORIZED", message, {
      details: { method, url, status },
      hint: `Check the name of the image and that you are logged in to "${response.url.host}" with the rights this needs.`,
    });
  }
  const retryAfterMs = parseRetryAfterMs(response.header("retry-after"), response.header("date"));
  return new OcibuildError("REGISTRY_REQUEST", message, {
    details: {
      method,
      url,
      status,
      retryable: RETRYABLE_STATUS.has(status),
      ...(says.code === undefined ? {} : { registryCode: says.code }),
      ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
    },
    ...(status === 429 ? { hint: "The registry limits how often it may be asked: log in, or wait." } : {}),
  });
}

/** What the body of an unwanted reply says; empty where it is not for people (HTML, binary). */
async function registrySays(response: HttpResponse): Promise<RegistrySays> {
  let text: string;
  try {
    text = (await response.bytes(MAX_ERROR_BODY_BYTES)).toString("utf8");
  } catch {
    // The status counts; a body that cannot be read explains nothing.
    return { text: "" };
  }
  let data: unknown;
  try {
    data = JSON.parse(text);
  } catch {
    const plain = (response.header("content-type") ?? "").startsWith("text/plain");
    return { text: plain ? printable(text) : "" };
  }
  const { ErrorBodySchema } = await import("./schemas.js");
  const body = ErrorBodySchema.safeParse(data);
  if (!body.success) return { text: printable(plainDetails(data)) };
  const code = body.data.errors[0]?.code;
  const said = body.data.errors.map((error) =>
    [error.code, error.message].filter((part) => part !== undefined && part !== "").join(": "),
  );
  return { text: printable(said.join("; ")), ...(code === undefined ? {} : { code: printable(code) }) };
}

/** Token servers and proxies: `{"details": …}`, `{"message": …}`, `{"error": …}`. */
function plainDetails(data: unknown): string {
  if (typeof data !== "object" || data === null) return "";
  const fields = data as Readonly<Record<string, unknown>>;
  for (const name of ["message", "details", "error_description", "error"]) {
    const value = fields[name];
    if (typeof value === "string") return value;
  }
  return "";
}

/** One line without control characters. */
function printable(text: string): string {
  const line = text.replace(/[\u0000-\u001f\u007f-\u009f]+/g, " ").trim();
  return line.length > MAX_SHOWN ? `${line.slice(0, MAX_SHOWN)}…` : line;
}
