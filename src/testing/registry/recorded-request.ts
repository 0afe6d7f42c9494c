/** One request as an in-process registry received it. */
export interface RecordedRequest {
  /** Which of its two servers. */
  readonly server: "registry" | "token";
  readonly method: string;
  /** With the query. */
  readonly path: string;
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>;
  /** What has been received of the body by now. */
  bodyBytes: number;
}
