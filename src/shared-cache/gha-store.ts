/** Content and indexes as entries of the cache service, whose names are taken once and for all. */
import { isOcibuildError, OcibuildError } from "../errors.js";
import type { Abortable } from "../oci/blobs.js";
import { parseManifestOrIndex } from "../oci/documents.js";
import { MEDIA_TYPES } from "../oci/media-types.js";
import type { Descriptor } from "../oci/types.js";
import { MAX_DOCUMENT_BYTES } from "../util/strict-json.js";
import { type GhaClientOptions, GhaConnection } from "./gha-connection.js";
import { downloadContent, uploadBlocks } from "./gha-content.js";
import type { GhaPlace } from "./gha-place.js";
import { DEAD_MS, type NumberedIndex, pollMs } from "./gha-publish.js";
import type { EntryUpload, FoundEntry, GhaService } from "./gha-service.js";
import { ghaServiceV1 } from "./gha-service-v1.js";
import { ghaServiceV2 } from "./gha-service-v2.js";
import { encodeCacheIndex, entriesOf, type IndexedEntry, isCacheIndex } from "./registry-layout.js";

/** A slow upload of somebody else is waited for; a dead one looks the same until then. */
const SLOW_BYTES_PER_MS = 4 * 1024;
/** Names that content can have: those who died with one taken leave the next. */
const MAX_NAMES = 9;

export class GhaStore {
  readonly #place: GhaPlace;
  readonly #connection: GhaConnection;
  readonly #service: GhaService;

  /** @param maxWaitMs see `GhaConnection` */
  constructor(place: GhaPlace, options: GhaClientOptions, maxWaitMs: number) {
    this.#place = place;
    this.#connection = new GhaConnection(place, options, maxWaitMs);
    this.#service = place.version === 1 ? ghaServiceV1(this.#connection) : ghaServiceV2(this.#connection);
  }

  /** The newest state of the index whose names begin with `prefix`; `undefined` when there is none. @throws DOCUMENT_INVALID */
  async newestIndex(prefix: string, options: Abortable): Promise<NumberedIndex | undefined> {
    const found = await this.#service.find(prefix, options);
    const number = found === undefined ? undefined : numberAfter(prefix, found.name);
    return number === undefined ? undefined : { number, entries: await this.#readIndex(found!, options) };
  }

  /** The same for writing: what is damaged counts as empty, and is replaced by the next. */
  async newestOrEmpty(prefix: string, options: Abortable): Promise<NumberedIndex> {
    const found = await this.#service.find(prefix, options);
    const number = found === undefined ? undefined : numberAfter(prefix, found.name);
    return number === undefined ? { number: 0, entries: [] } : this.#indexOrEmpty(number, found!, options);
  }

  async indexAt(prefix: string, number: number, options: Abortable): Promise<NumberedIndex | undefined> {
    const found = await this.#service.find(`${prefix}${number}`, options);
    return found?.name === `${prefix}${number}` ? this.#indexOrEmpty(number, found, options) : undefined;
  }

  /** False when somebody has the number. */
  async writeIndex(
    prefix: string,
    number: number,
    entries: readonly IndexedEntry[],
    options: Abortable,
  ): Promise<boolean> {
    const bytes = encodeCacheIndex(entries, MAX_DOCUMENT_BYTES);
    const name = `${prefix}${number}`;
    const upload = await this.#service.reserve(name, bytes.length, options);
    if (upload === undefined) return false;
    await this.#write(upload, name, [bytes], options);
    return true;
  }

  async hasContent(name: string, options: Abortable): Promise<boolean> {
    return (await this.#find(name, options)) !== undefined;
  }

  /** The content under a name, not checked. @throws BLOB_NOT_FOUND when there is none; REGISTRY_… */
  readContent(name: string, { digest, size }: Descriptor, options: Abortable): AsyncGenerator<Buffer> {
    const locate = async (limited: Abortable): Promise<URL> => {
      const found = await this.#find(name, limited);
      if (found !== undefined) return found.url;
      throw new OcibuildError("BLOB_NOT_FOUND", `${digest} is not in ${this.#place.title}`, { details: { digest } });
    };
    return downloadContent(this.#connection, locate, size, options);
  }

  /**
   * Writes content unless it is there. When somebody else is at it, waits; when that takes too long, uses the next name, which
   * whoever looks for the first one finds as well.
   */
  async writeContent(
    name: string,
    size: number,
    open: () => AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
    options: Abortable,
  ): Promise<void> {
    if (await this.hasContent(name, options)) return;
    for (let number = 1; number <= MAX_NAMES; number++) {
      const free = number === 1 ? name : `${name}#${number}`;
      const upload = await this.#service.reserve(free, size, options);
      if (upload !== undefined) return this.#write(upload, free, open(), options);
      if (await this.#appears(name, DEAD_MS + size / SLOW_BYTES_PER_MS, options)) return;
    }
    const url = this.#connection.shownUrl.href;
    throw new OcibuildError("REGISTRY_REQUEST", `all names for "${name}" are taken in ${this.#place.title}`, {
      details: { method: "POST", url, retryable: false },
    });
  }

  async #write(
    upload: EntryUpload,
    name: string,
    bytes: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
    options: Abortable,
  ): Promise<void> {
    await uploadBlocks(upload, bytes, options);
    try {
      await upload.finish(options);
    } catch (error) {
      // An answer may have been lost on its way, and what was asked again done already.
      options.signal?.throwIfAborted();
      const found = await this.#service.find(name, options).catch(() => undefined);
      if (found?.name !== name) throw error;
    }
  }

  /** The entry of that name, or of a further one for the same content. */
  async #find(name: string, options: Abortable): Promise<FoundEntry | undefined> {
    const found = await this.#service.find(name, options);
    const isIt = found?.name === name || (found !== undefined && numberAfter(`${name}#`, found.name) !== undefined);
    return isIt ? found : undefined;
  }

  async #appears(name: string, withinMs: number, options: Abortable): Promise<boolean> {
    const { clock } = this.#connection;
    const untilMs = clock.monotonicMs() + withinMs;
    for (let polls = 0; clock.monotonicMs() < untilMs; polls++) {
      await clock.sleep(pollMs(polls, clock), options.signal);
      if (await this.hasContent(name, options)) return true;
    }
    return false;
  }

  async #readIndex({ url }: FoundEntry, options: Abortable): Promise<readonly IndexedEntry[]> {
    const bytes = await this.#connection.smallBlob(url, MAX_DOCUMENT_BYTES, options);
    const name = `index of cache ${this.#place.title}`;
    const document = await parseManifestOrIndex(bytes, { name, mediaType: MEDIA_TYPES.oci.index });
    if (document.kind === "index" && isCacheIndex(document.index)) return entriesOf(document.index);
    throw new OcibuildError("DOCUMENT_INVALID", `${name} is not valid: it is no index of a cache`, {
      details: { document: name },
    });
  }

  async #indexOrEmpty(number: number, found: FoundEntry, options: Abortable): Promise<NumberedIndex> {
    try {
      return { number, entries: await this.#readIndex(found, options) };
    } catch (error) {
      const isGone = isOcibuildError(error, "REGISTRY_REQUEST") && error.details.status === 404;
      if (isGone || isOcibuildError(error, "DOCUMENT_INVALID") || isOcibuildError(error, "LIMIT_EXCEEDED")) {
        return { number, entries: [] };
      }
      throw error;
    }
  }
}

/** The number that follows `prefix` in `name`. */
function numberAfter(prefix: string, name: string): number | undefined {
  if (!name.startsWith(prefix)) return undefined;
  const digits = name.slice(prefix.length);
  return /^[1-9][0-9]{0,8}$/.test(digits) ? Number(digits) : undefined;
}
