/** Cases with RUN in which we differ strictly from BuildKit, each with its reason. The e2e test holds the list. */
export const RUN_EXCEPTIONS: ReadonlyMap<string, string> = new Map([]);
