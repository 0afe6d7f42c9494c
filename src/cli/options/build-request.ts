/** What a command line asks for, as written: collected by the options of the catalogue, not yet checked. */

export interface BuildRequest {
  file?: string;
  target?: string;
  iidFile?: string;
  metadataFile?: string;
  root?: string;
  storeLimit?: string;
  /** `check`, `outline`, `targets`, with `format=…`; `build` for a build. */
  call?: string;
  executor?: string;
  network?: string;
  shmSize?: string;
  progress?: string;
  contextModes?: string;
  compression?: string;
  compressionLevel?: string;
  quiet: boolean;
  push: boolean;
  load: boolean;
  pull: boolean;
  noCache: boolean;
  explain: boolean;
  requireCache: boolean;
  reproducible: boolean;
  help: boolean;
  version: boolean;
  readonly tags: string[];
  readonly buildArgs: string[];
  readonly buildContexts: string[];
  readonly platforms: string[];
  readonly labels: string[];
  readonly annotations: string[];
  readonly outputs: string[];
  readonly cacheFrom: string[];
  readonly cacheTo: string[];
  readonly noCacheFilters: string[];
  readonly registryMirrors: string[];
  readonly insecureRegistries: string[];
  readonly secrets: string[];
  readonly ssh: string[];
  readonly allow: string[];
  readonly addHosts: string[];
  readonly ulimits: string[];
}

/** A request that asks for nothing. */
export function emptyRequest(): BuildRequest {
  return {
    quiet: false,
    push: false,
    load: false,
    pull: false,
    noCache: false,
    explain: false,
    requireCache: false,
    reproducible: false,
    help: false,
    version: false,
    tags: [],
    buildArgs: [],
    buildContexts: [],
    platforms: [],
    labels: [],
    annotations: [],
    outputs: [],
    cacheFrom: [],
    cacheTo: [],
    noCacheFilters: [],
    registryMirrors: [],
    insecureRegistries: [],
    secrets: [],
    ssh: [],
    allow: [],
    addHosts: [],
    ulimits: [],
  };
}
