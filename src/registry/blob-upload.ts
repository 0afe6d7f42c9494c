/**
 * One blob to a repository: all bytes in one PUT; in pieces where the registry does not take it so. After a failure it
 * goes on where the registry says it is, else it begins anew, after a look whether it had not succeeded.
 * @spec distribution-spec#pushing-blobs
 */
import { isOcibuildError, OcibuildError } from "../errors.js";
import { isRetryable, retryDelayMs } from "../http/retry.js";
import type { Descriptor } from "../oci/types.js";
import type { RegistryClient } from "./client.js";
import {
  appendChunk,
  askProgress,
  finishSession,
  sessionAt,
  startSession,
  type UploadSession,
  type UploadTarget,
} from "./upload-session.js";

export interface BlobUpload extends UploadTarget {
  readonly blob: Descriptor;
  /** The blob's bytes from the start; called again for each try. */
  open(): AsyncIterable<Uint8Array>;
  /** Whether the registry has the blob by now. */
  exists(): Promise<boolean>;
  /** A session that is open already, of a mount that was not done. */
  readonly session?: URL;
}

/** Said by registries, or proxies before them, that do not take a blob in one request. */
const WANTS_CHUNKS: ReadonlySet<number> = new Set([400, 405, 411, 413, 501]);
/** The session is gone, or not where we think it is. */
const SESSION_LOST: ReadonlySet<number> = new Set([404, 416]);
/** How often an upload goes on before it is given up, however much progress it makes. */
const MAX_RESUMES = 100;
/** What a try must bring to count as progress. */
const MIN_PROGRESS_BYTES = 16 * 1024;

/**
 * Uploads the blob.
 * @throws REGISTRY_…, and what `open` throws
 */
export async function uploadBlob(client: RegistryClient, upload: BlobUpload): Promise<"uploaded"> {
  const run = new UploadRun(client, upload);
  let failures = 0;
  for (let resumes = 0; ; resumes++) {
    upload.signal?.throwIfAborted();
    const before = run.offset;
    try {
      if (resumes > 0) {
        if (await upload.exists()) return "uploaded";
        await run.locate();
      }
      await run.send();
      return "uploaded";
    } catch (error) {
      upload.signal?.throwIfAborted();
      const mayPass = run.mayPass(error);
      // Progress earns new tries.
      failures = run.offset - before >= MIN_PROGRESS_BYTES ? 1 : failures + 1;
      if (!mayPass || failures >= client.retry.attempts || resumes >= MAX_RESUMES) throw error;
      await client.clock.sleep(retryDelayMs(client.retry, client.clock, failures + 1, error), upload.signal);
    }
  }
}

/** Where an upload is. */
class UploadRun {
  /** How many bytes the registry has acknowledged. */
  offset = 0;
  readonly #client: RegistryClient;
  readonly #upload: BlobUpload;
  #session: UploadSession | undefined;
  #chunked = false;
  #isContinued = false;
  #brokenConnections = 0;

  constructor(client: RegistryClient, upload: BlobUpload) {
    this.#client = client;
    this.#upload = upload;
    this.#session = upload.session === undefined ? undefined : sessionAt(upload.session);
  }

  /** Asks where to go on. */
  async locate(): Promise<void> {
    const session = this.#session;
    const found = session && (await askProgress(this.#client, this.#upload, session));
    const usable = found !== undefined && found.offset > 0 && found.offset <= this.#upload.blob.size;
    this.#session = usable ? found.session : undefined;
    this.offset = usable ? found.offset : 0;
    this.#isContinued = usable;
    if (usable) this.#chunked = true;
  }

  async send(): Promise<void> {
    if (!this.#chunked) {
      try {
        return await this.#putWhole();
      } catch (error) {
        if (!wantsChunks(error)) throw error;
        this.#chunked = true;
        this.#session = undefined;
      }
    }
    await this.#putInChunks();
  }

  mayPass(error: unknown): boolean {
    if (!isOcibuildError(error, "REGISTRY_REQUEST")) return false;
    const { method, status, registryCode } = error.details;
    // Some proxies close the connection instead of saying that a request is too large.
    if (status === undefined && ++this.#brokenConnections > 1) this.#chunked = true;
    const isLost = method !== "POST" && status !== undefined && SESSION_LOST.has(status);
    // What was there before we went on had not been ours.
    const isSpoiled = this.#isContinued && registryCode === "DIGEST_INVALID";
    if (isLost || isSpoiled) this.#session = undefined;
    return isLost || isSpoiled || isRetryable(error);
  }

  async #putWhole(): Promise<void> {
    const { blob } = this.#upload;
    this.#session ??= await startSession(this.#client, this.#upload);
    const open = (): AsyncIterable<Uint8Array> => measured(blob, this.#upload.open());
    const body = blob.size === 0 ? undefined : { size: blob.size, open };
    await finishSession(this.#client, this.#upload, this.#session, blob.digest, body);
  }

  async #putInChunks(): Promise<void> {
    const client = this.#client;
    const upload = this.#upload;
    let session = this.#session ?? (await startSession(client, upload));
    this.#session = session;
    const { size, digest } = upload.blob;
    if (this.offset < size) {
      await client.uploadBuffers.hold(session.chunkBytes, upload.signal, async () => {
        const bytes = skip(measured(upload.blob, upload.open()), this.offset);
        for await (const whole of chunksOf(bytes, session.chunkBytes)) {
          for (let chunk = whole; chunk.length > 0; ) {
            const next = await appendChunk(client, upload, session, this.offset, chunk);
            chunk = chunk.subarray(next.offset - this.offset);
            this.offset = next.offset;
            session = next.session;
            this.#session = session;
          }
        }
      });
    }
    await finishSession(client, upload, session, digest, undefined);
  }
}

/** Passes the bytes on and fails when they are not as many as the descriptor says. */
async function* measured(blob: Descriptor, bytes: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  let size = 0;
  for await (const chunk of bytes) {
    size += chunk.length;
    if (size > blob.size) break;
    yield chunk;
  }
  if (size === blob.size) return;
  throw new OcibuildError(
    "BLOB_SIZE_MISMATCH",
    `expected blob "${blob.digest}" to have ${blob.size} bytes but its source gave ${size > blob.size ? "more" : size}`,
    { details: { digest: blob.digest, expectedBytes: blob.size, actualBytes: size } },
  );
}

async function* skip(bytes: AsyncIterable<Uint8Array>, count: number): AsyncGenerator<Uint8Array> {
  let left = count;
  for await (const chunk of bytes) {
    if (left < chunk.length) yield chunk.subarray(left);
    left = Math.max(0, left - chunk.length);
  }
}

/** Regroups the bytes into pieces of `size`; the last is shorter. */
async function* chunksOf(bytes: AsyncIterable<Uint8Array>, size: number): AsyncGenerator<Uint8Array> {
  let parts: Uint8Array[] = [];
  let length = 0;
  for await (let chunk of bytes) {
    while (length + chunk.length >= size) {
      const head = chunk.subarray(0, size - length);
      yield Buffer.concat([...parts, head]);
      chunk = chunk.subarray(head.length);
      parts = [];
      length = 0;
    }
    // The source may use its block again.
    if (chunk.length > 0) parts.push(Buffer.from(chunk));
    length += chunk.length;
  }
  if (length > 0) yield Buffer.concat(parts);
}

function wantsChunks(error: unknown): boolean {
  if (!isOcibuildError(error, "REGISTRY_REQUEST")) return false;
  const { status, registryCode } = error.details;
  if (status === undefined || !WANTS_CHUNKS.has(status)) return false;
  return status !== 400 || registryCode === "UNSUPPORTED" || registryCode === "SIZE_INVALID";
}
