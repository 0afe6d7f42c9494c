/** One call of the API, and how the registry is set up to answer it. */
export interface ApiCall {
  readonly method: string;
  /** Decoded path, and its query. */
  readonly path: string;
  readonly query: URLSearchParams;
  readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>;
  readonly body: AsyncIterable<Buffer>;
}

export interface ApiSettings {
  /** Makes the Location of an upload from its path with query. */
  readonly uploadLocation: (path: string) => string;
  /** Whether mounts are done; else the registry opens an upload instead. */
  readonly mounts: boolean;
  /** Whether there is a referrers API. */
  readonly referrers: boolean;
  /** Whether a tag can be deleted alone. */
  readonly deletesTags: boolean;
  /** Names on a page at most. */
  readonly pageSize: number;
}

/** What the path names, and which rights a call on it needs. */
export interface Route {
  readonly kind: "root" | "catalog" | "tags" | "manifests" | "blobs" | "uploads" | "upload" | "referrers";
  readonly repository: string;
  /** Tag, digest or session. */
  readonly name: string;
}
