/** Files from web servers: each URL is asked for once in a build, and sent again only when it has changed. */
import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { FetchedFiles, type FetchRecord } from "../cache/fetched-files.js";
import type { Store } from "../cache/store.js";
import { OcibuildError } from "../errors.js";
import type { OnEvent } from "../events.js";
import { redactUrl } from "../http/address.js";
import { parseHttpDate } from "../http/http-date.js";
import type { Transport, TransportOptions } from "../http/transport.js";
import type { FetchedFile, RemoteFiles } from "../layers/run-context.js";
import type { Abortable } from "../oci/blobs.js";
import { digestOf } from "../oci/digest.js";
import { canonicalJson } from "../util/canonical-json.js";
import { SharedWork } from "../util/shared-work.js";
import { VERSION } from "../version.js";
import type { FetchOutcome } from "./fetch-file.js";
import { httpAuthorization, type ReadSecret } from "./http-authorization.js";

export interface WebFilesOptions {
  readonly store: Store;
  readonly secret: ReadSecret;
  readonly onEvent: OnEvent;
  readonly nowMs: () => number;
  /** What of the transport is to be other than it is by default. */
  readonly transport?: Partial<TransportOptions>;
}

/** A fetched file with the name that its server proposed. */
export interface NamedFile extends FetchedFile {
  readonly proposedName: string | undefined;
}

const MAX_REDIRECTS = 10;
const CONNECTIONS_PER_ORIGIN = 4;

export class WebFiles implements RemoteFiles, AsyncDisposable {
  readonly #options: WebFilesOptions;
  readonly #files: FetchedFiles;
  readonly #identified = new SharedWork<FetchOutcome>();
  readonly #ready = new SharedWork<NamedFile>();
  readonly #abort = new AbortController();
  readonly #underWay = new Set<Promise<unknown>>();
  #transport: Promise<Transport> | undefined;
  #count = 0;

  constructor(options: WebFilesOptions) {
    this.#options = options;
    this.#files = new FetchedFiles(options.store);
  }

  /** With a sha256 nobody need be asked what the file is. @throws CONTEXT_FETCH, BLOB_DIGEST_MISMATCH */
  async digest(url: string, checksum: string | undefined, options: Abortable): Promise<string> {
    if (checksum?.startsWith("sha256:") === true) return checksum;
    if (checksum !== undefined) await this.file(url, checksum, options);
    const { sha256, lastModified, fileName } = (await this.#identify(url, options.signal)).record;
    return digestOf(canonicalJson([sha256, lastModified ?? null, fileName ?? null]));
  }

  /** The file on disk, whole and with the checksum. @throws CONTEXT_FETCH, BLOB_DIGEST_MISMATCH */
  file(url: string, checksum: string | undefined, options: Abortable): Promise<NamedFile> {
    return this.#ready.get(`${checksum ?? ""} ${url}`, options.signal, () =>
      this.#tracked(() => this.#prepare(url, checksum)),
    );
  }

  /** Ends what is under way and waits for its end. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#abort.abort();
    await Promise.allSettled(this.#underWay);
    await (await this.#transport)?.close();
  }

  async #prepare(url: string, checksum: string | undefined): Promise<NamedFile> {
    const signal = this.#abort.signal;
    const record = await this.#wholeRecord(url, checksum, signal);
    if (checksum !== undefined) await this.#check(url, record, checksum);
    return {
      path: this.#files.pathOf(record.sha256),
      sizeBytes: record.sizeBytes,
      sha256: Buffer.from(record.sha256, "hex"),
      mtimeSeconds: parseHttpDate(record.lastModified ?? "") ?? 0,
      proposedName: record.fileName,
    };
  }

  async #wholeRecord(url: string, checksum: string | undefined, signal: AbortSignal): Promise<FetchRecord> {
    const known = this.#files.find(url);
    if (
      known !== undefined &&
      checksum === `sha256:${known.sha256}` &&
      (await this.#files.isWhole(known, { signal }))
    ) {
      return known;
    }
    const { record, isNew } = await this.#identify(url, signal);
    if (isNew || (await this.#files.isWhole(record, { signal }))) return record;
    // The copy is damaged, and the key may have been made of what it should be.
    const again = await this.#fetch(url, undefined);
    if (again.record.sha256 === record.sha256) return again.record;
    throw mismatch(url, `sha256:${record.sha256}`, `sha256:${again.record.sha256}`);
  }

  #identify(url: string, signal: AbortSignal | undefined): Promise<FetchOutcome> {
    return this.#identified.get(url, signal, () => this.#tracked(() => this.#fetch(url, this.#files.find(url))));
  }

  async #fetch(url: string, known: FetchRecord | undefined): Promise<FetchOutcome> {
    const { secret, onEvent, nowMs } = this.#options;
    const signal = this.#abort.signal;
    const target = new URL(url);
    const id = `fetch ${this.#count++}`;
    const name = `fetch ${redactUrl(target)}`;
    onEvent({ type: "task-started", task: { id, kind: "pull", name }, timeMs: nowMs() });
    try {
      const { fetchFile } = await import("./fetch-file.js");
      const outcome = await fetchFile(target, {
        files: this.#files,
        transport: await this.#connect(),
        authorization: await httpAuthorization(target, secret),
        known,
        onProgress: (current) => onEvent({ type: "task-progress", id, current, unit: "bytes" }),
        signal,
      });
      const result = outcome.isNew ? "done" : "cached";
      const detail = `sha256:${outcome.record.sha256}`;
      onEvent({ type: "task-finished", id, outcome: result, timeMs: nowMs(), detail });
      return outcome;
    } catch (error) {
      onEvent({ type: "task-finished", id, outcome: signal.aborted ? "cancelled" : "failed", timeMs: nowMs() });
      throw error;
    }
  }

  #connect(): Promise<Transport> {
    this.#transport ??= import("../http/transport.js").then(({ createTransport, DEFAULT_TIMEOUTS }) =>
      createTransport({
        userAgent: `ocibuild/${VERSION}`,
        timeouts: DEFAULT_TIMEOUTS,
        connectionsPerOrigin: CONNECTIONS_PER_ORIGIN,
        insecureHosts: new Set(),
        maxRedirects: MAX_REDIRECTS,
        ...this.#options.transport,
      }),
    );
    return this.#transport;
  }

  async #check(url: string, record: FetchRecord, checksum: string): Promise<void> {
    const algorithm = checksum.slice(0, checksum.indexOf(":"));
    let hex = record.sha256;
    if (algorithm !== "sha256") {
      const hash = createHash(algorithm);
      const file = createReadStream(this.#files.pathOf(record.sha256), { signal: this.#abort.signal });
      for await (const chunk of file) hash.update(chunk as Buffer);
      hex = hash.digest("hex");
    }
    if (checksum !== `${algorithm}:${hex}`) throw mismatch(url, checksum, `${algorithm}:${hex}`);
  }

  #tracked<T>(action: () => Promise<T>): Promise<T> {
    const work = action();
    this.#underWay.add(work);
    const done = (): void => {
      this.#underWay.delete(work);
    };
    work.then(done, done);
    return work;
  }
}

function mismatch(url: string, expected: string, actual: string): OcibuildError<"BLOB_DIGEST_MISMATCH"> {
  const shown = redactUrl(new URL(url));
  return new OcibuildError(
    "BLOB_DIGEST_MISMATCH",
    `digest mismatch ${actual}: ${expected} was expected of "${shown}"`,
    {
      details: { expected, actual },
      hint: "The file has changed, or --checksum is wrong.",
    },
  );
}
