/** Requests and replies as callers see them, whatever carries them. */

export type Method = "GET" | "HEAD" | "POST" | "PUT" | "PATCH" | "DELETE";

/** Bytes that can be sent again from the start: a redirect or a new token may need that. */
export interface RequestBody {
  readonly size: number;
  open(): AsyncIterable<Uint8Array> | Uint8Array;
}

export interface HttpRequest {
  readonly method: Method;
  readonly url: URL;
  readonly headers: Readonly<Record<string, string>>;
  /** Goes only to the origin of `home`, and to none after the first hop that left it. */
  readonly authorization?: string;
  readonly home: URL;
  /** Whose answer named `url`, where that is not `home`: a public server must not lead into a private network. */
  readonly namedBy?: URL;
  readonly body?: RequestBody;
  readonly signal?: AbortSignal;
}

export interface HttpResponse {
  readonly status: number;
  /** Of the last hop. */
  readonly url: URL;
  /** False when another origin than the asked one answered: its challenges mean nothing. */
  readonly atHome: boolean;
  /** `name` in lower case; several fields of one name joined by a comma. */
  header(name: string): string | undefined;
  headers(name: string): readonly string[];
  /** The body as it came. Must be read to the end, left (which closes it), or given up with `discard`. */
  readonly body: AsyncIterable<Buffer>;
  /**
   * The whole body.
   * @throws LIMIT_EXCEEDED when it is longer than `limitBytes`
   */
  bytes(limitBytes: number): Promise<Buffer>;
  discard(): Promise<void>;
}
