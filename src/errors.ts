/**
 * The one error class, the catalogue of its codes, and diagnostics of source texts.
 *
 * Every error that leaves the API is an `OcibuildError`; match on `code`, never on the message. `docs/errors.md`
 * documents each code, and a test holds the two together.
 */

/** A half-open range `[start, end)` of UTF-16 offsets in a source text. */
export interface Span {
  readonly start: number;
  readonly end: number;
}

/** Where in a named text something is: 1-based line and column, and the lines around it, ready to print. */
export interface SourceLocation {
  /** Name as the user knows it, for example `Dockerfile` or `docker/app.Dockerfile`. */
  readonly file: string;
  readonly line: number;
  readonly column: number;
  /** Up to three lines with line numbers and a caret line, without a final newline. */
  readonly excerpt: string;
}

export type Severity = "error" | "warning" | "info";

/** One finding in a Dockerfile (or another source text). */
export interface Diagnostic {
  /** Lower-case words for parse errors (`unknown-instruction`), BuildKit's rule name for lint (`StageNameCasing`). */
  readonly code: string;
  readonly severity: Severity;
  readonly message: string;
  readonly span: Span;
  readonly hint?: string;
}

/** What each error carries beside its message. Keys start with the folder that raises them. */
export interface ErrorDetails {
  // dockerfile and plan
  DOCKERFILE_INVALID: {
    readonly file: string;
    readonly diagnostics: readonly Diagnostic[];
    /** Of each of `diagnostics`, in their order. */
    readonly locations?: readonly SourceLocation[];
  };
  DOCKERFILE_NOT_FOUND: { readonly file: string };
  DOCKERFILE_TOO_LARGE: { readonly file: string; readonly limitBytes: number };
  /** The build checks found something, and are told that this is an error. `rules` by name, in the order of the findings. */
  DOCKERFILE_CHECKS: { readonly file: string; readonly rules: readonly string[] };
  /** A word whose variables cannot be expanded. */
  DOCKERFILE_EXPANSION: { readonly word: string };
  /** `text` is what would have been written. */
  DOCKERFILE_EDIT: { readonly text: string };
  PLAN_INVALID: { readonly file: string };
  PLAN_UNKNOWN_TARGET: { readonly target: string; readonly stages: readonly string[] };
  PLAN_UNSUPPORTED: { readonly feature: string };

  // build contexts
  CONTEXT_NOT_FOUND: { readonly path: string };
  CONTEXT_INVALID: { readonly path: string };
  CONTEXT_UNREADABLE: { readonly path: string };
  CONTEXT_FETCH: { readonly url: string; readonly status?: number };
  CONTEXT_CHANGED: { readonly path: string };
  CONTEXT_UNSUPPORTED_FILE: { readonly path: string; readonly type: string };
  CONTEXT_IGNORE_INVALID: { readonly file: string; readonly line: number; readonly pattern: string };

  // reading file systems
  TREE_LINK_LOOP: { readonly path: string };
  TREE_PATTERN_INVALID: { readonly pattern: string };

  // tar, layers and file-system steps
  TAR_INVALID: { readonly offset: number };
  TAR_LIMIT: { readonly limit: string };
  TAR_UNSUPPORTED: { readonly path: string; readonly feature: string };
  LAYER_COPY: { readonly path: string };
  LAYER_UNKNOWN_USER: { readonly name: string };
  LAYER_DIFF_ID_MISMATCH: { readonly expected: string; readonly actual: string };
  LAYER_INVALID: { readonly path: string };

  // content
  BLOB_NOT_FOUND: { readonly digest: string };
  BLOB_DIGEST_MISMATCH: { readonly expected: string; readonly actual: string };
  BLOB_SIZE_MISMATCH: { readonly digest: string; readonly expectedBytes: number; readonly actualBytes: number };
  DIGEST_INVALID: { readonly digest: string };
  DOCUMENT_INVALID: { readonly document: string };
  REFERENCE_INVALID: { readonly reference: string /** In the words of Docker's parser. */; readonly reason?: string };
  PLATFORM_INVALID: { readonly platform: string };
  PLATFORM_NOT_FOUND: { readonly reference: string; readonly platform: string; readonly available: readonly string[] };
  COMPRESSION_UNSUPPORTED: { readonly compression: string };
  COMPRESSION_INVALID: { readonly compression: string };

  // registries
  REGISTRY_REQUEST: {
    readonly method: string;
    readonly url: string;
    readonly status?: number;
    readonly registryCode?: string;
    readonly retryable: boolean;
    /** What the registry asked for. */
    readonly retryAfterMs?: number;
  };
  REGISTRY_UNAUTHORIZED: { readonly method: string; readonly url: string; readonly status: number };
  REGISTRY_NOT_FOUND: { readonly reference: string };
  REGISTRY_INSECURE: { readonly host: string };
  /** A configuration file forbids what the reference names. */
  REGISTRY_BLOCKED: { readonly reference: string; readonly prefix: string; readonly file: string };
  REGISTRY_PROTOCOL: { readonly method: string; readonly url: string };
  REGISTRY_CREDENTIALS: { readonly host: string; readonly helper?: string };

  // the store
  STORE_UNUSABLE: { readonly path: string };
  STORE_FULL: { readonly path: string; readonly limitBytes: number; readonly usedBytes: number };
  IMAGE_NOT_FOUND: { readonly reference: string };
  IMAGE_IN_USE: { readonly reference: string };
  CONTAINER_NOT_FOUND: { readonly container: string };
  CONTAINER_IN_USE: { readonly container: string };

  /** `--require-cache`, and a step that has to run. `causes` in one line each. */
  CACHE_MISS: { readonly step: string; readonly stage: string; readonly causes: readonly string[] };

  // outputs, executors and options
  OUTPUT_INVALID: { readonly output: string };
  OUTPUT_FAILED: { readonly output: string };
  EXECUTOR_NONE: { readonly line: number };
  EXECUTOR_UNSUPPORTED: { readonly executor: string; readonly feature: string };
  EXECUTOR_FAILED: { readonly executor: string };
  /** `output` is the end of what the command printed. */
  RUN_FAILED: { readonly exitCode: number; readonly signal?: string; readonly output: string; readonly log?: string };
  OPTIONS_INVALID: { readonly option: string };
  OPTIONS_UNKNOWN_KEY: { readonly option: string; readonly nearest?: string };
  OPTIONS_UNSUPPORTED: { readonly option: string };
  LIMIT_EXCEEDED: { readonly limit: string; readonly value: number };
}

export type ErrorCode = keyof ErrorDetails;

export interface OcibuildErrorOptions<C extends ErrorCode> {
  readonly details: ErrorDetails[C];
  /** What the user can do about it: one sentence. */
  readonly hint?: string;
  readonly location?: SourceLocation;
  readonly cause?: unknown;
}

const BRAND = Symbol.for("ocibuild.error");

/** The error that every function of ocibuild throws. Message: one sentence that names the thing in quotes. */
export class OcibuildError<C extends ErrorCode = ErrorCode> extends Error {
  readonly code: C;
  readonly details: ErrorDetails[C];
  readonly hint: string | undefined;
  readonly location: SourceLocation | undefined;

  constructor(code: C, message: string, options: OcibuildErrorOptions<C>) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = "OcibuildError";
    this.code = code;
    this.details = options.details;
    this.hint = options.hint;
    this.location = options.location;
    Object.defineProperty(this, BRAND, { value: true });
  }

  /** True for errors of any copy of this package in the process. */
  static override [Symbol.hasInstance](value: unknown): boolean {
    return typeof value === "object" && value !== null && BRAND in value;
  }
}

/** Narrows `error` to an `OcibuildError`, of the given code if one is given. */
export function isOcibuildError<C extends ErrorCode>(error: unknown, code?: C): error is OcibuildError<C> {
  return error instanceof OcibuildError && (code === undefined || error.code === code);
}

/** The same error with a source location, unless it has one already. */
export function withLocation(error: unknown, location: SourceLocation): unknown {
  if (!isOcibuildError(error) || error.location !== undefined) return error;
  return copyWith(error, { location });
}

/** The same error with another hint. */
export function withHint<C extends ErrorCode>(error: OcibuildError<C>, hint: string): OcibuildError<C> {
  return copyWith(error, { hint });
}

function copyWith<C extends ErrorCode>(
  { code, message, details, hint, location, cause, stack }: OcibuildError<C>,
  changes: Pick<OcibuildErrorOptions<C>, "hint" | "location">,
): OcibuildError<C> {
  const copy = new OcibuildError(code, message, {
    details,
    ...(hint === undefined ? {} : { hint }),
    ...(location === undefined ? {} : { location }),
    ...(cause === undefined ? {} : { cause }),
    ...changes,
  });
  if (stack !== undefined) copy.stack = stack;
  return copy;
}
