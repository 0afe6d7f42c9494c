/** The version of this package, put in when it is bundled. */
declare const OCIBUILD_VERSION: string | undefined;

/** For example `1.2.3`; `0.0.0-source` when run from the sources. */
export const VERSION: string = typeof OCIBUILD_VERSION === "undefined" ? "0.0.0-source" : (OCIBUILD_VERSION ?? "");
